"""Keeps a run on the disk: its directory, lock, checkpoints and record."""

import contextlib
import math
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from loguru import logger

from gantape.checkpoints.folder import FOLDER, CheckpointFolder
from gantape.checkpoints.run_directory import RunDirectory, machine
from gantape.checkpoints.run_record import Origin
from gantape.checkpoints.settings import Checkpoints
from gantape.checkpoints.snapshot import Restored, Running, Saver, restore, restore_actions
from gantape.data import Batches, Position
from gantape.distribute.workers import Workers
from gantape.errors import GantapeError, RunDirectoryError
from gantape.schedule import Moment
from gantape.tasks import Task


class Keeper:
    """What a loop with a directory writes, and what it takes up again. Without a directory it does nothing.

    Of several workers the chief alone writes into the directory, from which all resume: it is one that all can read. To save
    metrics, all have to read them together: what the others write goes into a directory that is removed with the process.

    Args:
        run_dir: The run's directory.
        settings: When checkpoints are saved, and which are kept; `None` for none.
        workers: Who takes part.
    """

    def __init__(self, run_dir: Path | None, settings: Checkpoints | None, workers: Workers) -> None:
        self.settings = settings
        self.origin: Origin | None = None
        self._workers = workers
        self._private = None if run_dir is None or workers.chief else tempfile.TemporaryDirectory(prefix="gantape-worker-")
        self.run_dir = run_dir if self._private is None else Path(self._private.name)
        run_dir = self.run_dir
        self._directory = None if run_dir is None else RunDirectory(run_dir)
        self._run = ""
        self._saver: Saver | None = None
        self._restored: Restored | None = None
        self._description: dict[str, Any] = {}

    @property
    def saves(self) -> bool:
        """Whether checkpoints are saved."""
        return self._directory is not None and self.settings is not None

    def take_up(self, origin: Origin, task: Task) -> Restored:
        """Read the newest whole checkpoint of a run into a task.

        Raises:
            RunDirectoryError: If there is none, it is one of other networks, or another loop is at work in the directory.
        """
        folder = CheckpointFolder(origin.path / FOLDER, str(origin.record["run"]))
        with RunDirectory(origin.path).locked() if self._workers.chief else contextlib.nullcontext():
            found = restore(task, folder, origin.changed)
            if self.run_dir is not None and not self._workers.chief:
                folder = CheckpointFolder(self.run_dir / FOLDER, folder.run)
            self._saver = Saver(task, folder)
            self._saver.newest, self._saver.learning_rates = folder.newest(), found.learning_rates
        self._run, self.origin, self._restored = folder.run, origin, found
        logger.info("going on with {} at step {}", found.folder, found.standing.moment.step)
        return found

    def place_in(self, data: Batches, position: Position, *, first: bool) -> tuple[Position, Restored | None]:
        """Where to begin in data that is new to the loop, and what its reader is to be given.

        Args:
            data: The data.
            position: Where the run is in the data before.
            first: Whether this is the first data of the loop.

        Raises:
            ResumeError: If it is not the data of the run that is resumed.
        """
        if self._directory is not None:
            self._description = data.describe()
        if first and self.origin is None:
            return position, None
        if first and self.origin is not None and self.origin.check_data(self._description):
            return position, self._restored
        return Position(position.epoch, 0), None

    def open(self, stack: contextlib.ExitStack, task: Task) -> None:
        """Make the directory, and lock it until the stack is left.

        Raises:
            RunDirectoryError: If it cannot be written, or holds another run, or another loop is at work in it.
        """
        if self._directory is None:
            return
        if not self._run:
            self._directory.create()
        stack.enter_context(self._directory.locked())
        if not self._run:
            self._directory.create()  # another loop may have begun and ended here before the lock was ours
            self._run = uuid.uuid4().hex
            self._saver = Saver(task, CheckpointFolder(self._directory.path / FOLDER, self._run))
        elif self._saver is not None:
            self._saver.check_untouched()

    def remind(self, running: Running) -> Moment | None:
        """Give a resumed run its totals, and its actions what they remembered.

        Returns:
            Up to where its actions were asked; nothing for a new run.
        """
        found = self._restored
        if found is None:
            return None
        running.compiled.restore(found.totals)
        restore_actions(running.callbacks, found.actions, str(found.folder))
        self._restored = None
        return found.standing.acted

    def next_step(self, step: int) -> int | None:
        """The first step after `step` at which a checkpoint is due, if it is known."""
        return self.settings.every.next_step(step) if self.settings is not None and self.saves else None

    def save(self, running: Running, before: Moment, *, must: bool = False) -> bool:
        """Save a checkpoint if it is due; returns whether it was."""
        if self._saver is None or self.settings is None:
            return False
        now = attrs.evolve(running.standing.moment, ended=False)
        best = self._best(running)
        if not must and best is None and not self.settings.every.due(before, now):
            return False
        self._saver.save(running, self.settings.keep)
        if best is not None:
            self._saver.mark_best(best)
        return True

    def finish(self, running: Running) -> None:
        """Mark the newest checkpoint as the best, if a row that came with the end makes it so."""
        best = self._best(running)
        if best is not None and self._saver is not None:
            self._saver.mark_best(best)

    def write(self, facts: Mapping[str, Any], status: str) -> None:
        """Bring the record up to date.

        Raises:
            RunDirectoryError: If it cannot be written.
        """
        if self._directory is None:
            return
        cost = attrs.asdict(self._saver.folder.cost) if self._saver is not None and self.settings is not None else {}
        if not facts["modes_tried"] and self.origin is not None:
            facts = {**facts, "modes_tried": self.origin.record.get("modes_tried", [])}
        record = {"run": self._run, "status": status, **facts, "data": self._description, "checkpoints": cost}
        self._directory.write({**record, "versions": machine()})

    def leave_in_haste(self, running: Running, facts: Mapping[str, Any], *, sound: bool) -> None:
        """On the way out by an error: save what can be saved and write the record, if the run has one.

        Args:
            running: The run.
            facts: For the record.
            sound: Whether the run's variables are those of a whole number of steps.
        """
        if self._directory is None or not self._directory.record_path.exists():
            return
        try:
            # The checkpoint before the actions of the end is not followed by one behind them.
            if sound and self._saver is not None and self._saver.newest_step != running.standing.moment.step:
                self.save(running, running.standing.moment, must=True)
            self.write(facts, "failed")
        except (GantapeError, OSError) as error:
            logger.error("not all could be saved on the way out: {}", error)

    def _best(self, running: Running) -> float | None:
        """The value of a row of this very step, if it is the best so far; as the chief has it."""
        wanted = self.settings.best if self.settings is not None else None
        if wanted is None:
            return None
        best = wanted.value(running.history, running.standing.moment.step)
        (told,), _ = self._workers.tell([math.nan if best is None else best])
        return None if math.isnan(told) else told


def load_best(run_dir: str | Path, task: Task) -> Moment:
    """Give a task the variables of a run's best checkpoint, to evaluate it or to draw samples from it.

    Args:
        run_dir: The run's directory. Its checkpoints were saved with `Checkpoints(best=...)`.
        task: A task like the run's.

    Returns:
        When the checkpoint was saved.

    Raises:
        ResumeError: If the task is not the run's.
        RunDirectoryError: If there is no such run, no best checkpoint, or it is damaged.
    """
    origin = Origin.read(Path(run_dir))
    origin.check_task(task)
    folder = CheckpointFolder(origin.path / FOLDER, str(origin.record["run"]))
    best = folder.best()
    if best is None:
        raise RunDirectoryError(
            "no checkpoint is marked as the best.",
            where=str(origin.path),
            got="no best.json that names one",
            do='train with gantape.Loop(..., checkpoints=gantape.Checkpoints(best=gantape.Best("loss"))).',
        )
    return restore(task, folder, which=best).standing.moment
