"""The facts about a run that only its report keeps: when it was started, its learning rates, the error that ended it."""

import json
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gantape._files import read_json, write_whole
from gantape.callbacks.progress import Progress
from gantape.errors import GantapeError, summary
from gantape.tasks import Task

FILE = "report.json"
MOST_BYTES = 2**24
MOST_RATES = 2000
LEAST_SECONDS = 5.0
"""Between two versions of the page."""


def _points(found: Iterable[Any]) -> list[tuple[int, float]]:
    return [(int(step), float(value)) for step, value in found]


def _lines(found: Mapping[str, Any]) -> dict[str, list[tuple[int, float]]]:
    return {str(name): _points(points) for name, points in found.items()}


def _figures(found: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in found.items()}


def _texts(found: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(text) for name, text in found.items()}


@attrs.define
class Notes:
    """Facts about a run beside its record and its history, as plain data.

    Args:
        task: The class of the task.
        hyperparameters: Its fields.
        started: The step and the time (seconds since 1970) at which each process began to work on the run.
        updated: When the page was last written, in seconds since 1970.
        interval: Seconds until the page is written again, about.
        cost: Seconds of the processor that writing the pages has taken so far.
        step: Steps done.
        epoch: Epochs finished.
        seconds: Seconds since the run began.
        steps_per_second: The speed, without compiling.
        fraction_done: How much of the run is done, 0 to 1.
        current: The means of losses and metrics since the newest row.
        learning_rates: For each update, steps and its learning rate there: enough of them to draw straight lines between.
        over: Whether the run has ended.
        error: The error that ended it: `kind`, `what`, and where it is known `where`, `got` and `do`.
    """

    task: str = attrs.field(default="", converter=str)
    hyperparameters: dict[str, Any] = attrs.field(factory=dict, converter=dict)
    started: list[tuple[int, float]] = attrs.field(factory=list, converter=_points)
    updated: float = attrs.field(default=0.0, converter=float)
    interval: float = attrs.field(default=0.0, converter=float)
    cost: float = attrs.field(default=0.0, converter=float)
    step: int = attrs.field(default=0, converter=int)
    epoch: int = attrs.field(default=0, converter=int)
    seconds: float = attrs.field(default=0.0, converter=float)
    steps_per_second: float = attrs.field(default=0.0, converter=float)
    fraction_done: float = attrs.field(default=0.0, converter=float)
    current: dict[str, float] = attrs.field(factory=dict, converter=_figures)
    learning_rates: dict[str, list[tuple[int, float]]] = attrs.field(factory=dict, converter=_lines)
    over: bool = attrs.field(default=False, converter=bool)
    error: dict[str, str] = attrs.field(factory=dict, converter=_texts)

    @classmethod
    def read(cls, folder: Path) -> "Notes":
        """The notes in a folder; empty ones if there are none that can be read."""
        try:
            found = read_json(folder / FILE, MOST_BYTES)
            return cls(**{name: found[name] for name in attrs.fields_dict(cls) if name in found})
        except (OSError, ValueError, TypeError, AttributeError, OverflowError):
            return cls()

    def write(self, folder: Path) -> None:
        """Write the notes.

        Raises:
            OSError: If they cannot be written.
        """
        write_whole(folder / FILE, json.dumps(attrs.asdict(self), default=str) + "\n")

    def begin(self, task: Task, step: int) -> None:
        """Work on a run begins or goes on at a step. Later steps are forgotten: a resumed run does them again."""
        self.task, self.hyperparameters = type(task).__name__, dict(task.hyperparameters)
        self.step = step
        self.started = [*[start for start in self.started if start[0] <= step], (step, time.time())]
        self.learning_rates = {
            name: [point for point in points if point[0] <= step] for name, points in self.learning_rates.items()
        }
        self.over, self.error = False, {}

    def follow(self, progress: Progress, rates: dict[str, float]) -> None:
        """Take in where a run stands.

        Args:
            progress: The run.
            rates: The learning rate of each update now.
        """
        self.step, self.epoch, self.seconds = progress.step, progress.epoch, progress.seconds
        self.steps_per_second, self.fraction_done = progress.steps_per_second, progress.fraction_done
        for name, rate in rates.items():
            points = self.learning_rates.setdefault(name, [])
            if points and (points[-1][0] == progress.step or [point[1] for point in points[-2:]] == [rate, rate]):
                points.pop()  # the line goes on as it was
            points.append((progress.step, rate))
            if len(points) > MOST_RATES:
                self.learning_rates[name] = points[::2] if len(points) % 2 else [*points[::2], points[-1]]

    def end(self, *, stopped_by: str, ended: bool) -> None:
        """The run is over.

        Args:
            stopped_by: Why, as the history tells it.
            ended: Whether it came to its end. Else the error on its way now has ended it.
        """
        self.over = True
        error = sys.exception()
        if error is not None and (not ended or stopped_by == type(error).__name__):
            self.error = {"kind": type(error).__name__, "what": str(error) or "no message"}
            if isinstance(error, GantapeError):
                self.error |= {name: str(getattr(error, name)) for name in ("what", "where", "got", "do")}
            elif isinstance(error, Exception):
                self.error["what"] = summary(error)
