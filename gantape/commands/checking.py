"""A dry run: a few steps and one picture, and what they tell about the run that was asked for."""

import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tensorflow as tf
from loguru import logger
from PIL import Image

import gantape as gt
from gantape.checkpoints.folder import FOLDER
from gantape.checkpoints.run_directory import RunDirectory
from gantape.commands.announcements import MODES, Length, device_in_words, labelled, length_in_words, say
from gantape.commands.program import program_words
from gantape.errors import HyperparameterError, counted
from gantape.inspection.text import bytes_as_text
from gantape.report import image_grid, save_picture

MOST_STEPS, SECONDS_OF_STEPS = 1_000, 1.5
"""A dry run ends after so many steps, or when steps have been timed for so many seconds."""

SHOWN, GAP = 16, 12
STEPS_PER_PICTURE = 500


class Enough:
    """An action that ends a dry run when its steps have been timed."""

    def __init__(self) -> None:
        self._since: float | None = None

    def __call__(self, progress: gt.Progress) -> gt.Stop | None:
        if not progress.steps_per_second:  # all steps so far were compiled
            return None
        now = time.perf_counter()
        self._since = self._since or now
        return gt.Stop("the dry run") if now - self._since > SECONDS_OF_STEPS else None


def directory_of_check(wanted: Path) -> Path:
    """A directory for a dry run on the disk of the run that was asked for: in the nearest folder that exists."""
    existing = next(folder for folder in (wanted, *wanted.absolute().parents) if folder.exists())
    return existing / f".gantape-check-{os.getpid()}"


def refuse_to_check(resume: Path | None, *, several_workers: bool) -> None:
    """Refuse a dry run of a run that goes on, or that has other processes.

    Raises:
        HyperparameterError: If it is one.
    """
    if resume is not None or several_workers:
        raise HyperparameterError(
            "a dry run is a new run of one process.",
            where="--check",
            got="several workers" if resume is None else f"--resume {resume}",
            do="leave --check out; the run.json of a run has its speed.",
        )


@attrs.frozen
class Advice:
    """The length of a run that makes sense.

    Args:
        steps: Its steps.
        words: The reason.
    """

    steps: int
    words: str


def check_run(
    name: str, data: Any, options: Length, loop: gt.Loop, train: Callable[[], gt.History], advice: Advice
) -> gt.History:
    """Do a few steps with all that belongs to a run, say what was measured, and remove the directory.

    Args:
        name: The name of the recipe or task.
        data: Training batches.
        options: The length and the mode of the run.
        loop: The loop, whose directory is that of the dry run.
        train: Does the steps.
        advice: The length that makes sense.

    Returns:
        The history of the steps.
    """
    run_dir, picture = Path(loop.run_dir or ""), Path(tempfile.gettempdir(), f"gantape-check-{name}.png")
    logger.disable("gantape.report")  # it names a page that will not stay
    try:
        history = train()
        found = DryRun.of(run_dir, data)
        drawn = _draw(loop.task, data, run_dir, picture)
    finally:
        shutil.rmtree(run_dir, ignore_errors=True)
    command = shlex.join([*program_words(), *(word for word in sys.argv[1:] if word != "--check")])
    say(
        [
            f"A dry run of {name} did {counted(found.steps, 'step')} and wrote all files of a run, which are removed again.",
            "",
            loop.explain(),
            "",
            *found.lines(options, advice),
            labelled("Picture", f"{picture}: {drawn}"),
            labelled("Start", command),
        ]
    )
    return history


@attrs.frozen
class DryRun:
    """What a dry run measured, and what that means for a run.

    Args:
        steps: The number of steps.
        mode: Their mode.
        step_seconds: Seconds of a step; `None` if all of them were compiled.
        compile_seconds: Seconds of compiling.
        steps_per_epoch: Steps in a pass over the data; 0 if unknown.
        checkpoint_bytes: Bytes of a checkpoint.
        report_bytes: Bytes of everything else in the directory.
        picture_bytes: Bytes of a picture of samples.
        free_bytes: Free bytes on its disk.
        memory: Memory, in words.
        busy: The load of the machine, in words, if other programs slow the steps down.
    """

    steps: int
    mode: str
    step_seconds: float | None
    compile_seconds: float
    steps_per_epoch: int
    checkpoint_bytes: int
    report_bytes: int
    picture_bytes: int
    free_bytes: int
    memory: str
    busy: str = ""

    @classmethod
    def of(cls, run_dir: Path, data: Any) -> "DryRun":
        """What the directory of a dry run tells.

        Args:
            run_dir: The directory.
            data: The training batches.
        """
        record = RunDirectory(run_dir).read()
        steps, speed = record["steps"], record["steps_per_second"]
        batches_per_step = max(1, record["examples"] // (max(1, steps) * data.batch_size))
        files = [path for path in run_dir.rglob("*") if path.is_file() and FOLDER not in path.relative_to(run_dir).parts]
        return cls(
            steps=steps,
            mode=record["mode"],
            step_seconds=1.0 / speed if speed else None,
            compile_seconds=record["compile_seconds"],
            steps_per_epoch=(data.batches_per_epoch or 0) // batches_per_step,
            checkpoint_bytes=record["checkpoints"]["bytes"],
            report_bytes=sum(map(_size, files)),
            picture_bytes=max(map(_size, (run_dir / "samples").glob("*.png")), default=0),
            free_bytes=shutil.disk_usage(run_dir).free,
            memory=_memory(),
            busy=_busy(),
        )

    def lines(self, options: Length, advice: Advice) -> list[str]:
        """What this means for the run that was asked for.

        Args:
            options: The length and the mode of the run.
            advice: The length that makes sense.
        """
        how = f"on {device_in_words()}, {MODES[self.mode]}"
        better = '; mode "auto" measures others too, where they can pay off' if options.mode == "auto" else ""
        if self.step_seconds is None:
            return [labelled("A step", f"not timed: all were compiled, in {self.compile_seconds:.0f} s, {how}{better}")]
        timed = f"{_rounded(1000.0 * self.step_seconds)} ms, after {self.compile_seconds:.1f} s of compiling"
        steps, kept = self._steps(options), gt.Checkpoints().keep
        disk = kept * self.checkpoint_bytes + self.report_bytes + 2 * self.picture_bytes * (steps // STEPS_PER_PICTURE)
        parts = f"{counted(kept, 'checkpoint')} of {bytes_as_text(self.checkpoint_bytes)}, the report, the networks"
        free = f"{bytes_as_text(self.free_bytes)} are free{'' if disk < self.free_bytes else ', which is too little'}"
        return [
            labelled("A step", f"{timed}, {how}{better}"),
            *([labelled("Busy", self.busy)] if self.busy else []),
            labelled("This run", f"{length_in_words(options)}: {', '.join(self._other_lengths(options, steps))}"),
            labelled("Sensible", f"{self._time(advice.steps)} or more on this machine: {advice.words}"),
            labelled("Disk", f"about {bytes_as_text(disk)}: {parts}; {free}"),
            labelled("Memory", self.memory),
        ]

    def _steps(self, options: Length) -> int:
        """The steps of the run that was asked for."""
        minutes, seconds = options.length.get("minutes"), self.step_seconds
        if minutes is not None and seconds is not None:
            return max(0, int((60.0 * minutes - self.compile_seconds) / seconds))
        return int(options.length.get("steps") or (options.length.get("epochs") or 0) * self.steps_per_epoch)

    def _other_lengths(self, options: Length, steps: int) -> list[str]:
        """The length of the run that was asked for, in the units that were not given."""
        passes = f"{_rounded(steps / self.steps_per_epoch)} passes over the data" if self.steps_per_epoch else ""
        found = {"steps": f"about {_rounded(steps)} steps", "epochs": passes, "minutes": f"about {self._time(steps)}"}
        return [words for name, words in found.items() if words and options.length.get(name) is None]

    def _time(self, steps: int) -> str:
        """The time that so many steps take, compiling included."""
        seconds = steps * (self.step_seconds or 0.0) + self.compile_seconds
        if seconds < 100.0:
            return f"{_rounded(seconds)} seconds"
        return f"{_rounded(seconds / 60.0)} minutes" if seconds < 6_000.0 else f"{_rounded(seconds / 3_600.0)} hours"


def _rounded(value: float) -> str:
    """A number with two significant digits, such as "1,300" or "0.25"."""
    return f"{float(f'{value:.2g}'):,.10g}"


def _draw(task: Any, data: Any, run_dir: Path, path: Path) -> str:
    """Draw examples of the data, as the task gets them, and below the newest samples; returns what is drawn."""
    batch = data.prepare(next(iter(data.examples_in_order())))
    examples = np.asarray(tf.nest.flatten(batch)[0])[:SHOWN]
    save_picture(image_grid(examples, columns=SHOWN // 2, pixels=getattr(task, "pixels", (0.0, 1.0))), path)
    pictures = [path, *sorted((run_dir / "samples").glob("step-*.png"))[-1:]]
    parts = [Image.open(part).convert("RGB") for part in pictures]
    whole = Image.new("RGB", (max(part.width for part in parts), sum(part.height + GAP for part in parts) - GAP), "white")
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height + GAP
    whole.save(path)
    return "examples of the data, and below them what the task makes" if len(parts) > 1 else "examples of the data"


def _memory() -> str:
    """The memory that this process has used so far, at most."""
    gpus = [
        tf.config.experimental.get_memory_info(gpu.name.removeprefix("/physical_device:"))["peak"]
        for gpu in tf.config.get_visible_devices("GPU")
    ]
    return "; ".join([*(f"{bytes_as_text(peak)} on GPU {place}" for place, peak in enumerate(gpus)), *_memory_of_process()])


def _memory_of_process() -> list[str]:
    try:
        import resource
    except ImportError:  # on Windows
        return []
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return [f"{bytes_as_text(peak)} of this process, TensorFlow and the data included"]


def _busy() -> str:
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < cores + 1:
        return ""
    return f"other programs are running (load {load:.1f} on {cores} cores): steps are faster on this machine when they are not"


def _size(path: Path) -> int:
    return path.stat().st_size
