"""What the training scripts share: flags, two stages of parsing, the log, and exit codes."""

import quiet_start  # noqa: F401, I001  has to come before TensorFlow
import shlex
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar

import attrs
import keras
import tyro
from loguru import logger
from tqdm import tqdm

import gantape as gt
from gantape.compiler import Mode
from gantape.run_directory import RunDirectory
from gantape.stopping import StoppingRule

Data = Literal["auto", "mnist", "fashion_mnist", "digits"]
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
        data: What to train on; "auto" is MNIST where it can be had, else the embedded digits.
        steps: Steps to do. Give at most one of --steps, --epochs and --minutes; without any, the run takes 5 minutes.
        epochs: Passes over the data to do.
        minutes: Minutes to go on for, compiling included.
        batch_size: Examples in a batch.
        mode: How steps are compiled; "auto" tries the compiled modes and keeps the one that ends the run soonest.
        steps_per_call: The most steps between two visits to Python; by default what suits the mode.
        run_dir: Where everything goes; by default runs/, the task's name and the time.
    """

    data: Data = "auto"
    steps: OptionalInt = None
    epochs: OptionalInt = None
    minutes: OptionalFloat = None
    batch_size: int = 64
    mode: Mode = "auto"
    steps_per_call: OptionalInt = None
    run_dir: OptionalPath = None

    def __attrs_post_init__(self) -> None:
        StoppingRule(**self.length)
        if self.run_dir is not None and (self.run_dir / "run.json").exists():
            RunDirectory(self.run_dir).create()

    @property
    def length(self) -> dict[str, Any]:
        """The rule for stopping, as `Loop.run` takes it."""
        given = {"steps": self.steps, "epochs": self.epochs, "minutes": self.minutes}
        return given if any(value is not None for value in given.values()) else {"minutes": DEFAULT_MINUTES}

    def batches(self, **options: Any) -> gt.data.ArrayBatches:
        """The batches of the chosen data."""
        load = gt.data.mnist_or_digits if self.data == "auto" else getattr(gt.data, self.data)
        return load(batch_size=self.batch_size, **options)

    def compiler(self) -> gt.StepCompiler:
        """The chosen compiler."""
        return gt.StepCompiler(self.mode, self.steps_per_call)

    def directory(self, task: str) -> Path:
        """The run's directory."""
        return self.run_dir or Path("runs", f"{task}-{datetime.now():%Y-%m-%d-%H%M%S}")


class Choice(Protocol):
    """The flags that say what is trained: read first, because the other flags depend on them."""

    seed: int

    @property
    def task_class(self) -> type[gt.Task]:
        """The class to train."""


C = TypeVar("C", bound=Choice)


def parse(choice: type[C], description: str | None) -> tuple[C, Options, Any]:
    """Read the command line: first the choice, then everything, the chosen task's hyper-parameters included.

    The seed of Keras is set in between, so that the task's initial weights follow from it.

    Returns:
        The choice, the options and the task.
    """
    name = Path(sys.argv[0]).name
    chosen, _ = tyro.cli(choice, prog=name, return_unknown_args=True, add_help=False)
    keras.utils.set_random_seed(chosen.seed)
    arguments = attrs.make_class(
        "Arguments",
        {
            "choice": attrs.field(type=choice),
            "run": attrs.field(type=Options),
            "task": attrs.field(type=chosen.task_class),
        },
    )
    found: Any = tyro.cli(arguments, prog=name, description=description, config=(tyro.conf.OmitArgPrefixes,))
    return found.choice, found.run, found.task


def complete_record(run_dir: Path, **facts: Any) -> None:
    """Add the command line and further facts to the record of a run."""
    directory = RunDirectory(run_dir)
    directory.write({**directory.read(), "command_line": shlex.join(sys.argv), **facts})


def run_script(main: Callable[[], int]) -> None:
    """Run a script: show the log, print errors of gantape without a traceback, and exit with the script's code."""
    logger.remove()
    logger.add(
        lambda line: tqdm.write(line, file=sys.stderr, end=""),
        format="{time:HH:mm:ss} {level: <7} {message}",
        # The rows are in metrics.csv, and the newest is in the line of progress.
        filter={"": "INFO", "gantape.recorder": "WARNING"},
    )
    logger.enable("gantape")
    try:
        code = main()
    except gt.GantapeError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        code = WRONG_USE
    except KeyboardInterrupt:
        code = EXIT_CODES["SIGINT"]
    sys.exit(code)
