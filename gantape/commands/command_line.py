"""The command line of the programs that train: flags, parsing in two stages, the log, and exit codes."""

import functools
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, get_args

import attrs
import keras
import tyro
from loguru import logger

import gantape as gt
from gantape._files import cache_folder
from gantape.callbacks import profile_steps
from gantape.checkpoints.run_directory import RunDirectory
from gantape.commands.checking import MOST_STEPS, Enough, directory_of_check, refuse_to_check
from gantape.commands.devices import Devices
from gantape.commands.flags_of_runs import (
    CommandLine,
    errors_of,
    flags_to_parse,
    resume_if_restarted,
    with_hyphens,
)
from gantape.commands.program import program_name
from gantape.commands.tracking import Tracking
from gantape.commands.training_data import Data, load
from gantape.compiler.programs import Mode
from gantape.distribute.replicas import scope_of
from gantape.distribute.workers import restart
from gantape.errors import ResumeError, RunDirectoryError, WorkerLostError, summary
from gantape.loop.duration import Duration

DataOrFolder = Annotated[str, tyro.conf.arg(metavar=f"{{{','.join(get_args(Data))},FOLDER}}")]
OptionalInt = Annotated[int | None, tyro.conf.arg(metavar="INT")]
OptionalFloat = Annotated[float | None, tyro.conf.arg(metavar="FLOAT")]
OptionalPath = Annotated[Path | None, tyro.conf.arg(metavar="PATH")]

RECORD = gt.every(steps=100) | gt.at_end()
DEFAULT_MINUTES = 5.0
WRONG_USE = 2
EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143}


@attrs.frozen
class Options:
    """How to train.

    Args:
        data: The training data: "auto" is MNIST if available, else the embedded digits, or the embedded photographs for
            image-gan, resnet-gan, style and fastgan. GANs that do not translate also take a folder of images; with labels,
            its subfolders are the classes.
        steps: Number of steps. Give at most one of --steps, --epochs and --minutes; the default is 5 minutes.
        epochs: Number of passes over the data.
        minutes: Minutes to train, including compilation.
        batch_size: Examples in a batch; by default 64, or 16 for image translation and fastgan.
        mode: How steps are compiled; "auto" tries the compiled modes and keeps the one that finishes the run first. What it
            measured is kept for later runs, in modes.json of the user's cache.
        steps_per_call: The maximum number of steps per call from Python; the default depends on the mode.
        run_dir: The output directory; by default runs/, the task's name and the time.
        resume: The directory of a run to resume from its newest checkpoint. The run's own flags apply; flags given now
            override them. --steps, --epochs and --minutes count the whole run.
        changed: Hyper-parameters that are changed on purpose in a resumed run, separated by commas, such as learning_rate.
        checkpoint_seconds: Seconds between checkpoints. One is also saved at the end.
        profile: Steps to profile for TensorBoard's profiler, from the 21st step of this command on, since the first ones
            compile; written to tensorboard/ of the run. A command that resumes the run has to ask again.
        check: Make a dry run instead: a few steps and one picture, within seconds, then say how many steps the run will have,
            how much disk and memory it needs, and which length makes sense. Nothing else stays.
        devices: Where to train.
        tracking: Where the run is tracked.
    """

    data: DataOrFolder = "auto"
    steps: OptionalInt = None
    epochs: OptionalInt = None
    minutes: OptionalFloat = None
    batch_size: OptionalInt = None
    mode: Mode = "auto"
    steps_per_call: OptionalInt = None
    run_dir: OptionalPath = None
    resume: OptionalPath = None
    changed: str = ""
    checkpoint_seconds: float = 180.0
    profile: OptionalInt = None
    check: bool = False
    devices: Devices = attrs.field(factory=Devices)
    tracking: Tracking = attrs.field(factory=Tracking)

    def __attrs_post_init__(self) -> None:
        with errors_of("--steps, --epochs, --minutes"):
            Duration.of(**self.length)
        self.devices.check(self.run_dir or self.resume)
        with errors_of("--checkpoint-seconds"):
            self.checkpoints()
        if self.check:
            refuse_to_check(self.resume, several_workers=self.devices.several_workers)
        if self.resume is None and self.run_dir is not None and (self.run_dir / "run.json").exists():
            RunDirectory(self.run_dir).create()

    @property
    def length(self) -> dict[str, Any]:
        """The rule for stopping, as `Loop.run` takes it."""
        given = {"steps": self.steps, "epochs": self.epochs, "minutes": self.minutes}
        return {name: value for name, value in given.items() if value is not None} or {"minutes": DEFAULT_MINUTES}

    def batches(self, shape: Sequence[int] | None = None, *, batch_size: int = 64, **options: Any) -> Any:
        """The batches of the chosen data; `batch_size` is the default, and images of a folder are resized to `shape`."""
        return load(self.data, batch_size if self.batch_size is None else self.batch_size, shape, **options)

    def compiler(self) -> gt.StepCompiler:
        """The chosen compiler."""
        mode = "graph" if self.check and self.mode == "auto" else self.mode  # which "auto" measures first
        measured = cache_folder() / "modes.json"
        return gt.StepCompiler(mode, self.steps_per_call, autotune_cache=measured, strategy=self.devices.strategy())

    def checkpoints(self, best: gt.Best | None = None) -> gt.Checkpoints:
        """When checkpoints are saved, and which of them is kept besides the newest."""
        return gt.Checkpoints(every=gt.every(seconds=self.checkpoint_seconds), best=best)

    def directory(self, task: str) -> Path:
        """The run's directory; that of a dry run is temporary."""
        directory = self.resume or self.run_dir or Path("runs", f"{task}-{datetime.now():%Y-%m-%d-%H%M%S}")
        return directory_of_check(directory) if self.check else directory

    def loop(
        self, task: gt.Task, seed: int, run_dir: Path, callbacks: tuple[gt.Callback, ...], best: gt.Best | None = None
    ) -> gt.Loop:
        """A new loop, or the loop of a resumed run."""
        observers = (*self._profiled(run_dir), *self.tracking.callbacks())  # for a dry run, too: wrong flags are errors
        ends = gt.Callback(Enough(), gt.every(seconds=0.1))
        callbacks = (*callbacks, gt.Callback(CommandLine(), gt.at_start()), *((ends,) if self.check else observers))
        if self.resume is None:
            return gt.Loop(
                task,
                compiler=self.compiler(),
                run_dir=run_dir,
                seed=seed,
                callbacks=callbacks,
                checkpoints=self.checkpoints(best),
                progress=not self.check,
            )
        changed = tuple(name.strip().replace("-", "_") for name in self.changed.split(",") if name.strip())
        loop = gt.Loop.resume(
            self.resume,
            task,
            compiler=self._other_compiler(),
            callbacks=callbacks,
            checkpoints=self.checkpoints(best),
            changed=changed,
        )
        if seed != loop.seed:
            raise ResumeError(
                "the run has another seed.", where="--seed", got=f"{seed}, the run has {loop.seed}", do="leave --seed out."
            )
        return loop

    def _profiled(self, run_dir: Path) -> tuple[gt.Callback, ...]:
        if self.profile is None:
            return ()
        with errors_of("--profile"):
            return (profile_steps(run_dir / "tensorboard", steps=self.profile),)

    def train(self, loop: gt.Loop, data: gt.data.Batches, validation: gt.data.Batches | None = None) -> gt.History:
        """Train for the rest of the run."""
        left = self._left(loop.state)
        if left:
            return loop.run(data, validation=validation, record=RECORD, **left)
        return loop.finish(data, validation=validation, record=RECORD)

    def _left(self, done: gt.RunState) -> dict[str, Any]:
        """The remaining length, as `Loop.run` takes it; empty if nothing is left."""
        if self.check:
            return {"steps": MOST_STEPS}
        ((name, whole),) = self.length.items()
        left = whole - {"steps": done.step, "epochs": done.epoch, "minutes": done.seconds / 60.0}[name]
        return {name: left} if left > 0 else {}

    def _other_compiler(self) -> gt.StepCompiler | None:
        """The compiler, if flags of this command ask for one; otherwise a resumed run keeps its mode."""
        asked = any(argument.startswith(("--mode", "--steps-per-call")) for argument in sys.argv[1:])
        return self.compiler() if asked or self.devices.strategy() is not None else None


class TaskChoice(Protocol):
    """The flags that choose the task, which are parsed first because the other flags depend on them."""

    @property
    def seed(self) -> int:
        """The seed of the run."""

    @property
    def task_class(self) -> type[gt.Task]:
        """The class to train."""


C = TypeVar("C", bound=TaskChoice)


def parse(choice: type[C], description: str | None) -> tuple[C, Options, Any]:
    """Parse the command line: first the choice, then all flags, including the hyper-parameters of the chosen task.

    The seed of Keras is set in between, so that the task's initial weights follow from it.

    Returns:
        The choice, the options and the task.
    """
    name = program_name()
    resume_if_restarted()
    given = flags_to_parse()
    chosen, _ = tyro.cli(choice, prog=name, args=given, return_unknown_args=True, add_help=False)
    devices, _ = tyro.cli(Devices, prog=name, args=given, return_unknown_args=True, add_help=False)
    strategy = devices.strategy()
    keras.utils.set_random_seed(chosen.seed)
    arguments = attrs.make_class(
        "Arguments",
        {
            "choice": attrs.field(type=choice),
            "run": attrs.field(type=Options),
            "task": attrs.field(type=chosen.task_class),
        },
    )
    with scope_of(strategy):
        found: Any = tyro.cli(arguments, prog=name, args=given, description=description, config=(tyro.conf.OmitArgPrefixes,))
    return found.choice, found.run, found.task


def load_generator(file: Path) -> Any:
    """Load a generator from an untrusted file without running code from it.

    Raises:
        RunDirectoryError: If it cannot be read, or would run code.
    """
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises what its layers raise
        raise RunDirectoryError(
            "the generator cannot be read.",
            where=str(file),
            got=summary(error)[:300],
            do="name the directory of a run of train-gan; its layers have to be those of Keras.",
        ) from None


def run_program(main: Callable[[], int]) -> None:
    """Run a program: show the log, print gantape's errors without a traceback, and exit with the program's code."""
    sys.argv[1:] = with_hyphens(sys.argv[1:])
    logger.remove()
    logger.add(
        lambda line: print(line, file=sys.stderr, end=""),
        format="{time:HH:mm:ss} {level: <7} {message}",
        # Rows are in metrics.csv and in the progress line; the closing message reports the end of the run.
        filter={"": "INFO", "gantape.callbacks.recorder": "WARNING", "gantape.loop": "WARNING"},
    )
    logger.enable("gantape")
    warnings.showwarning = functools.partial(_log_warning, warnings.showwarning)
    try:
        code = main()
    except WorkerLostError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        restart()
    except gt.GantapeError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        code = WRONG_USE
    except KeyboardInterrupt:
        code = EXIT_CODES["SIGINT"]
    except BrokenPipeError:
        code = 0
    finally:
        _flush_quietly()
    sys.exit(code)


def _log_warning(show: Callable[..., None], message: Warning, category: type[Warning], *place: Any) -> None:
    """Show gantape's warnings in the log, without the line of code that gives them, and others as before."""
    if issubclass(category, gt.errors.GantapeWarning):
        logger.warning("{}", message)
    else:
        show(message, category, *place)


def _flush_quietly() -> None:
    """Flush standard output. Its reader, such as `head`, may have exited, and Python would print a traceback at exit."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
