"""The opening and closing messages of a training script."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import attrs
import tensorflow as tf

import gantape as gt
from gantape.checkpoints.run_directory import RECORD, RunDirectory
from gantape.commands.program import program_words
from gantape.errors import counted

REPORT = "report.html"
LABEL_WIDTH = 13
MODES = {
    "auto": "the fastest of the compiled modes, found by measuring",
    "eager": "eager mode, without compiling",
    "graph": "compiled to a graph",
    "xla": "compiled with XLA",
    "xla-loop": "compiled with XLA, many steps in one program",
}


class Length(Protocol):
    """The options of a run that appear in the messages."""

    @property
    def mode(self) -> str:
        """The mode in which steps run."""

    @property
    def length(self) -> dict[str, Any]:
        """The rule for stopping, as `Loop.run` takes it."""


def opening_lines(task: str, data: gt.data.Batches, options: Length, loop: gt.Loop) -> list[str]:
    """The message before training.

    Args:
        task: The name of the recipe or task.
        data: Training batches.
        options: The length and the mode of the run.
        loop: The loop.
    """
    examples, name = getattr(data, "examples", None), getattr(data, "name", "data")
    size = "" if examples is None else f": {counted(examples, 'example')}, {getattr(data, 'batch_size', '?')} in a batch"
    done = loop.state
    resumed = f", from step {done.step:,} on" if done.step else ""
    return [
        f"Training {task} on {name}{size}.",
        labelled("Length", f"{length_in_words(options)} in all{resumed}; Ctrl-C ends it early and keeps everything"),
        labelled("Runs", f"on {device_in_words()}, {MODES[options.mode]}"),
        labelled("Results", f"in {loop.run_dir}: watch {REPORT} there in a browser"),
    ]


def length_in_words(options: Length) -> str:
    """The length of the whole run, such as "5 minutes" or "1 epoch"."""
    name, value = next(iter(options.length.items()))
    return f"{value:,.10g} {name.removesuffix('s') if value == 1 else name}"


def device_in_words() -> str:
    """The devices that TensorFlow uses."""
    gpus = len(tf.config.get_visible_devices("GPU"))
    if gpus:
        return "one GPU" if gpus == 1 else f"{gpus} GPUs"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"the CPU ({counted(cores, 'core')})"


@attrs.frozen
class NextCommand:
    """A command that a user may want to run next.

    Args:
        words: The purpose.
        command: The command and its arguments.
        needs: The file in the run's directory that the command needs.
    """

    words: str
    command: Sequence[str]
    needs: str = RECORD


def resume_command(options: Length, run_dir: Path) -> NextCommand:
    """The command that resumes a run of this program and doubles its length."""
    name, value = next(iter(options.length.items()))
    flags = ("--resume", str(run_dir), f"--{name}", f"{2 * value:.10g}")
    return NextCommand("train on", (*program_words(), *flags), "checkpoints")


def closing_lines(run_dir: Path, files: Mapping[str, str], commands: Sequence[NextCommand]) -> list[str]:
    """The message after training: results, their quality, where they are, and what to do next.

    Args:
        run_dir: The directory of the run.
        files: Labels and file names in the directory; missing files are left out.
        commands: What to do next.
    """
    record = RunDirectory(run_dir).read()
    lines = ["", f"Done: {counted(record['steps'], 'step')} in {_minutes(record['seconds'])}{_early(record)}."]
    lines += [labelled("Quality", words) for words in quality_in_words(record)]
    lines += [labelled("Warning", words) for words in health_in_words(record)]
    lines += ["", f"Run: {run_dir}"]
    lines += [labelled(f"  {words}", str(run_dir / name)) for words, name in files.items() if (run_dir / name).exists()]
    lines += ["", "Next:"]
    return lines + [
        labelled(f"  {command.words}", shlex.join(command.command))
        for command in commands
        if (run_dir / command.needs).exists()
    ]


def quality_in_words(record: Mapping[str, Any]) -> list[str]:
    """The quality of the result, if it was measured."""
    outcome, test = record.get("outcome"), record.get("test")
    found = [outcome["reason"]] if outcome else []
    return found + ([f"Test accuracy: {test['accuracy']:.4f}, of images that it was not trained on"] if test else [])


def health_in_words(record: Mapping[str, Any]) -> list[str]:
    """The failures found by health checks that lasted to the end of the run, with advice."""
    return [
        f"{finding['words']} (step {finding['step']:,}). Try {finding['advice']}."
        for finding in record.get("health") or ()
        if finding.get("recovered") is None
    ]


def newest_samples(run_dir: Path) -> str:
    """The newest picture of samples, as a name in the directory of the run."""
    pictures = sorted((run_dir / "samples").glob("step-*.png"))
    return str(pictures[-1].relative_to(run_dir)) if pictures else "samples"


def say(lines: Sequence[str]) -> None:
    """Print lines and flush, so that they precede later output on standard error."""
    print("\n".join(lines), flush=True)


def labelled(label: str, words: str) -> str:
    """A line of a message."""
    return f"{label:<{LABEL_WIDTH}}  {words}"


def _minutes(seconds: float) -> str:
    return counted(round(seconds), "second") if seconds < 100.0 else f"{seconds / 60.0:.1f} minutes"


def _early(record: Mapping[str, Any]) -> str:
    """Why a run ended before its full length."""
    stopped_by = str(record.get("stopped_by", ""))
    own = stopped_by.split(" ")[-1] in ("steps", "epochs", "minutes", "do")
    return "" if own else f", ended by {'Ctrl-C' if stopped_by == 'SIGINT' else stopped_by}"
