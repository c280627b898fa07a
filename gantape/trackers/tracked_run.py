"""The callback that tracks a run."""

import contextlib
import functools
import json
import operator
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, final

import attrs
import numpy as np
from loguru import logger
from PIL import Image

from gantape._files import read_json, write_whole
from gantape.callbacks import Callback, Opening
from gantape.callbacks.progress import Progress
from gantape.checkpoints.plain import plain
from gantape.checkpoints.run_directory import RECORD
from gantape.compiler.trials import RunLength
from gantape.errors import GantapeError, GantapeWarning, ScheduleError, summary, warn
from gantape.history import History, measured
from gantape.schedule import When, at_end, at_start, every
from gantape.state import RunState
from gantape.tasks import Task
from gantape.tasks.variables import named_variables, rates_by_update
from gantape.trackers.sender import Sender, Sent
from gantape.trackers.tracker import Array, RunInfo, Tracker, flat

FILES = ("report.html", "run.json", "metrics.csv", "*.png", "*.gif", "*.keras")
FOLDER = "trackers"
RESULTS = ("outcome", "test")
"""Facts of the record that say how good the result of a run is."""

WHEN = at_start() | every(seconds=10.0)
BINS = 64
PATIENCE = 30.0
ADVICE = "make sure that its service can be reached: what was not sent is sent later, or when the run is resumed."


def track(
    tracker: Tracker,
    *,
    when: When = WHEN,
    weights: When | None = None,
    files: Sequence[str] = FILES,
    patience: float = PATIENCE,
) -> Callback:
    """Track a run: a callback that sends it to a service.

    ```python
    gt.Loop(task, run_dir="runs/mine", callbacks=[trackers.track(trackers.MLflowTracker("http://localhost:5000"))])
    ```

    A service that is slow or down neither delays nor ends the run: the tracker works in a thread of its own, and a
    `GantapeWarning` says once what is wrong. What was not sent is sent later, if the service answers again.

    | sent | what |
    |---|---|
    | when the first step is done | its name and the task's hyper-parameters |
    | when due | new rows of the history, learning rates, `epoch`, `seconds` and `steps_per_second` |
    | | pictures that other actions have drawn into a folder of the run's directory, as `samples/step-000500.png` |
    | on request | histograms of all weights that updates move |
    | at the end | files in the run's directory, and the numbers below `outcome` and `test` in its `run.json` |

    A resumed run continues the tracked one. With several workers, only the chief tracks. Actions close in the order of their
    callbacks: files of those behind this one are sent as they are before.

    Args:
        tracker: The tracker.
        when: When to send, besides the end; by default at the start and every ten seconds.
        weights: When to send histograms of weights; by default never.
        files: The files to send at the end, as patterns inside the run's directory.
        patience: Seconds that the end of the run waits for the tracker, at most.

    Raises:
        ScheduleError: If `tracker` is no tracker, or `patience` is negative.
    """
    action = TrackedRun(tracker, weights=weights, files=files, patience=patience)
    due = when if weights is None else when | weights
    return Callback(action, due | at_end())  # without which a run has failed


@final
class TrackedRun:
    """An action that sends a run to a tracker. `track` makes a callback of it, and describes its arguments."""

    def __init__(
        self, tracker: Tracker, *, weights: When | None = None, files: Sequence[str] = FILES, patience: float = PATIENCE
    ) -> None:
        if not isinstance(tracker, Tracker) or patience < 0.0:
            raise ScheduleError(
                "a run is tracked by a tracker.",
                where="gantape.trackers.track",
                got=f"{tracker!r}, patience={patience}",
                do="give an instance of a class below gantape.trackers.Tracker, and seconds of patience.",
            )
        self._tracker, self._weights, self._files, self._patience = tracker, weights, tuple(files), patience
        self._sender: Sender | None = None
        self._sent = Sent()
        self._run_dir: Path | None = None
        self._first = self._read = 0
        self._seen: set[Path] = set()
        self._state = RunState()
        self._history = History()
        self._warned = False

    def open(self, opening: Opening) -> None:
        """Take note of the run, of which the tracker is told when its first step is done.

        Until then steps are traced, and CPython 3.11 fails where two threads parse at once, as AutoGraph and imports do.
        """
        if self._sender is not None and self._sender.alive:  # it still hangs where the last run left it
            return
        self._run_dir = opening.run_dir
        sent = self._sent_before() if opening.run_dir is not None else self._sent if opening.state.step else Sent()
        self._read, self._seen, self._history, self._warned = 0, set(), History(), False
        self._state = attrs.evolve(opening.state, ended=False)
        task = type(opening.task).__name__
        name = task if opening.run_dir is None else opening.run_dir.resolve().name
        run = RunInfo(name, task, plain(opening.task.hyperparameters), opening.run_dir, sent.id)
        self._sender, self._first = Sender(self._tracker, run, sent, self._keep), opening.state.step

    def __call__(self, progress: Progress) -> None:
        if self._sender is None:
            self.open(Opening(progress.task, "", RunLength(), progress.state, progress.run_dir))
        sender, state, step = self._sender, progress.state, progress.step
        assert sender is not None
        before = None if step == self._state.step and not state.ended else self._state
        if self._weights is not None and self._weights.due(before, state):
            for histogram in _histograms(progress.task):
                sender.later(operator.methodcaller("histogram", step, *histogram), step)
        self._state, self._history = state, progress.history
        self._send_new(sender)
        speed = {"steps_per_second": progress.steps_per_second} if progress.steps_per_second else {}
        now = {"epoch": state.epoch, "seconds": state.seconds, **speed, **_learning_rates(progress.task)}
        sender.scalars(step, {f"train/{name}": float(value) for name, value in now.items()})
        if step > self._first or state.ended:
            sender.send()
        self._warn_of(sender.error)

    def image(self, step: int, name: str, image: Array) -> None:
        """Send an image, for use in an action of one's own.

        Args:
            step: Steps done, `progress.step`.
            name: The name of a series of images.
            image: Bytes, shape `height width channels`, with 1 or 3 channels.
        """
        if self._sender is not None:
            self._sender.later(operator.methodcaller("image", step, name, image), step)

    def close(self) -> None:
        """Send the rest, and end the tracked run."""
        sender, self._sender = self._sender, None
        if sender is None:
            return
        self._send_new(sender)
        if self._state.ended and (results := self._results()):
            sender.later(operator.methodcaller("scalars", self._state.step, results))
        for path in self._files_to_send():
            sender.later(operator.methodcaller("file", path))
        done = sender.finish(not self._state.ended, self._patience)
        self._sent = sender.sent
        self._warn_of(sender.error)
        if not done:
            self._sender = sender
            self._warn(f"no answer within {self._patience:g} seconds after the end of the run", ADVICE)

    def _send_new(self, sender: Sender) -> None:
        """Hand over rows and pictures that are new."""
        for row in self._history.rows[self._read :]:
            values = {f"{row['split']}/{name}": float(value) for name, value in measured(row).items()}
            sender.scalars(int(row["step"]), values)
        self._read = len(self._history.rows)
        for path in sorted(set(self._run_dir.glob("*/*.png")) - self._seen) if self._run_dir is not None else ():
            self._seen.add(path)
            if found := re.search(r"(\d+)$", path.stem):
                step = int(found[1])
                sender.later(functools.partial(_send_picture, path, step), step)

    def _results(self) -> dict[str, float]:
        """The figures of the result that the record of the run has, if any."""
        with contextlib.suppress(OSError, ValueError):
            record = read_json(self._run_dir / RECORD) if self._run_dir is not None else {}
            found = {name: value for name in RESULTS if isinstance(value := record.get(name), dict)}
            leaves = {f"{name}/{key}": leaf for name, value in found.items() for key, leaf in flat("", value).items()}
            return {name: float(leaf) for name, leaf in leaves.items() if isinstance(leaf, bool | int | float)}
        return {}

    def _files_to_send(self) -> list[Path]:
        if self._run_dir is None:
            return []
        return [path for pattern in self._files for path in sorted(self._run_dir.glob(pattern)) if path.is_file()]

    def _sent_before(self) -> Sent:
        try:
            found = read_json(self._path)
            return Sent(str(found["id"]), int(found["step"]))
        except (OSError, ValueError, KeyError, TypeError):  # none, or not one of ours: the run is tracked as a new one
            return Sent()

    def _keep(self, sent: Sent) -> None:
        if self._run_dir is not None:
            self._path.parent.mkdir(exist_ok=True)
            write_whole(self._path, json.dumps(attrs.asdict(sent)) + "\n")

    @property
    def _path(self) -> Path:
        name = re.sub(r"\W+", "-", self._tracker.name)
        return Path(self._run_dir or "", FOLDER, f"{name}.json")

    def _warn_of(self, error: BaseException | None) -> None:
        if isinstance(error, GantapeError):
            self._warn(f"{error.what} ({error.got})", error.do)
        elif error is not None:
            self._warn(summary(error)[:500] if isinstance(error, Exception) else type(error).__name__, ADVICE)

    def _warn(self, problem: str, advice: str) -> None:
        """Warn, once in a run."""
        if self._warned:
            return
        self._warned = True
        where = f"gantape.trackers.track, {self._tracker.name}"
        try:
            warn("a tracker fails, and the run goes on without it.", where=where, got=problem, do=advice)
        except GantapeWarning as warning:  # where warnings are errors, they are not to end a run either
            logger.warning("{}", warning)


def _send_picture(path: Path, step: int, tracker: Tracker) -> None:
    """Send a picture that an action has drawn, as one of the series that its folder is."""
    with Image.open(path) as image:
        array = np.asarray(image.convert("L") if image.mode in ("1", "L") else image.convert("RGB"))
    tracker.image(step, path.parent.name, array[..., None] if array.ndim == 2 else array)


def _learning_rates(task: Task) -> dict[str, float]:
    """The learning rates of updates, by names that stand beside those of losses: that of the only update has no prefix."""
    prefix = len(task.updates()) > 1
    return {f"{name}/learning_rate" if prefix else "learning_rate": rate for name, rate in rates_by_update(task).items()}


def _histograms(task: Task) -> Iterator[tuple[str, Any, Any]]:
    """Name, counts and edges of the finite values of each variable that an update moves."""
    moved = {id(variable) for update in task.updates() for variable in update.trainable_variables}
    for name, variable in named_variables(task).items():
        if id(variable) in moved:
            values = np.asarray(variable.numpy(), np.float64)
            values = values[np.isfinite(values)]
            if values.size:
                yield (f"weights/{name}", *np.histogram(values, BINS))
