"""A run on disk: its directory, lock, record and checkpoints."""

import contextlib
import math
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from loguru import logger

from gantape.callbacks.callback import Callback
from gantape.callbacks.stateful import callback_states, restore_callbacks
from gantape.checkpoints.folder import DATA, FOLDER, TENSORS, CheckpointFolder, step_of
from gantape.checkpoints.own_state import own_state
from gantape.checkpoints.plain_arrays import PlainArrays
from gantape.checkpoints.restore import restore_late, restore_task
from gantape.checkpoints.run_directory import RunDirectory, machine
from gantape.checkpoints.run_record import RunRecord
from gantape.checkpoints.settings import Checkpoints
from gantape.checkpoints.snapshot import Snapshot
from gantape.checkpoints.tensors import check_finite, specs, write_tensors
from gantape.compiler.compiled import CompiledSteps
from gantape.data import Batches, Reader
from gantape.distribute.workers import Workers
from gantape.errors import GantapeError, RunDirectoryError
from gantape.history import History
from gantape.state import RunState
from gantape.tasks import Task
from gantape.tasks.holdings import holdings_of
from gantape.tasks.variables import check_parts_hold, learning_rates, named_variables


class CheckpointManager:
    """Saves and restores a loop's run, if it has a directory.

    Of several workers only the chief writes into the directory; all resume from it, so all must be able to read it. Metrics can
    only be saved by all workers together: the others write into a temporary directory.

    Args:
        task: The task that is trained.
        run_dir: The run's directory.
        settings: When checkpoints are saved, and which are kept; `None` for no checkpoints.
        workers: The workers of the run.
        history: The rows of the run.
    """

    def __init__(
        self, task: Task, run_dir: Path | None, settings: Checkpoints | None, workers: Workers, history: History
    ) -> None:
        self.settings = settings
        self._task = task
        self._workers = workers
        self._history = history
        self._private = None if run_dir is None or workers.chief else tempfile.TemporaryDirectory(prefix="gantape-worker-")
        self.run_dir = run_dir if self._private is None else Path(self._private.name)
        self._directory = None if self.run_dir is None else RunDirectory(self.run_dir)
        self._record: RunRecord | None = None
        self._restored: tuple[Path, Snapshot] | None = None
        self._late: list[str] = []  # variables of the checkpoint that metrics make in their first update
        self._folder: CheckpointFolder | None = None
        self._newest: Path | None = None
        self._learning_rates: dict[str, float] = {}
        self._description: dict[str, Any] = {}
        self._compiled: CompiledSteps | None = None
        self._reader: Reader | None = None
        self._arrays = PlainArrays(task) if self.saves else None
        self._callbacks: Sequence[Callback] = ()

    @property
    def saves(self) -> bool:
        """Whether checkpoints are saved."""
        return self._directory is not None and self.settings is not None

    def restore(self, record: RunRecord) -> RunState:
        """Restore the task and the history from the newest whole checkpoint of a run.

        Raises:
            RunDirectoryError: If there is none, it is of other networks, or another loop is using the directory.
        """
        folder = CheckpointFolder(record.path / FOLDER, record.run)
        with RunDirectory(record.path).locked() if self._workers.chief else contextlib.nullcontext():
            path, found = restore_task(self._task, folder, record.changed)
            if self.run_dir is not None and not self._workers.chief:
                folder = CheckpointFolder(self.run_dir / FOLDER, folder.run)
            self._newest = folder.newest()
        self._folder, self._record, self._restored = folder, record, (path, found)
        self._learning_rates, held = found.learning_rates, named_variables(self._task)
        self._late = [name for name in found.tensors if name not in held]
        self._history.rows[:] = found.history.rows
        logger.info("resuming from {} at step {}", path, found.state.step)
        return found.state

    def resumes(self, data: Batches, *, first: bool) -> bool:
        """Whether data that is new to the loop is that of the resumed run.

        Args:
            data: The data.
            first: Whether this is the first data of the loop.

        Raises:
            ResumeError: If it is other data, and a change is not allowed.
        """
        if self._directory is not None:
            self._description = data.describe()
        return first and self._record is not None and self._record.check_data(self._description)

    def restore_reader(self, reader: Reader) -> None:
        """Restore the position of the resumed run in its data."""
        if self._restored is not None:
            path, found = self._restored
            reader.restore(path / DATA, found.reader)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Create the directory, and lock it until the stack is closed.

        Raises:
            RunDirectoryError: If it cannot be written, or holds another run, or another loop is using it.
        """
        if self._directory is None:
            return
        if self._folder is None:
            self._directory.create()
        stack.enter_context(self._directory.locked())
        if self._folder is None:
            self._directory.create()  # another loop may have started and ended here before this one had the lock
            self._folder = CheckpointFolder(self._directory.path / FOLDER, uuid.uuid4().hex)
            self._learning_rates = learning_rates(self._task)
        elif self._folder.newest() != self._newest:
            raise RunDirectoryError(
                "the checkpoints are not as this loop left them.",
                where=str(self._folder.path),
                got=f"{_name(self._folder.newest())} as the newest, where this loop knows of {_name(self._newest)}",
                do="continue with gantape.Loop.resume: another loop has continued this run, or has removed its checkpoints.",
            )

    def start(self, compiled: CompiledSteps, reader: Reader, callbacks: Sequence[Callback]) -> RunState | None:
        """Take the objects that are saved with the task, and restore them in a resumed run.

        Returns:
            The state up to which callbacks have been called; `None` for a new run.
        """
        self._compiled, self._reader, self._callbacks = compiled, reader, callbacks
        if self._restored is None:
            return None
        path, found = self._restored
        self._restored = None
        restore_late(self._task, path, self._late)
        compiled.restore(found.totals)
        restore_callbacks(callbacks, found.callbacks, str(path))
        return found.acted

    def next_step(self, step: int) -> int | None:
        """The first step after `step` at which a checkpoint is due, if it is known."""
        return self.settings.every.next_step(step) if self.settings is not None and self.saves else None

    def save(self, state: RunState, before: RunState, acted: RunState, *, must: bool = False) -> bool:
        """Save a checkpoint if it is due; returns whether it was.

        Args:
            state: The state of the run.
            before: The state at the end of the previous call.
            acted: The state up to which callbacks have been called.
            must: Whether to save it even if it is not due.

        Raises:
            TaskError: If a step changes variables that belong to no part of the task.
            NotFiniteError: If a variable is not finite.
            RunDirectoryError: If the checkpoint cannot be written.
        """
        if self._folder is None or self.settings is None:
            return False
        best = self._best(state)
        if not must and best is None and not self.settings.every.due(before, attrs.evolve(state, ended=False)):
            return False
        self._write_checkpoint(self._folder, state, acted, self.settings.keep)
        self._mark(best)
        return True

    def mark_best(self, state: RunState) -> None:
        """Mark the newest checkpoint as the best, if a row recorded at the end makes it so; warn if none ever could be."""
        self._mark(self._best(state))
        if self.saves and self.settings is not None and self.settings.best is not None:
            self.settings.best.warn_if_absent(self._history)

    def write_record(self, facts: Mapping[str, Any], status: str) -> None:
        """Write the record, with these facts and status.

        Raises:
            RunDirectoryError: If it cannot be written.
        """
        if self._directory is None or self._folder is None:
            return
        cost = attrs.asdict(self._folder.cost) if self.settings is not None else {}
        if not facts["modes_tried"] and self._record is not None:
            facts = {**facts, "modes_tried": self._record.record.get("modes_tried", [])}
        record = {"run": self._folder.run, "status": status, **facts, "data": self._description, "checkpoints": cost}
        self._directory.write({**record, "versions": machine()})

    def save_after_error(self, state: RunState, acted: RunState, facts: Mapping[str, Any], *, whole: bool) -> None:
        """After an error, save a checkpoint if possible and write the record, if the run has one.

        Args:
            state: The state of the run.
            acted: The state up to which callbacks have been called.
            facts: The facts for the record.
            whole: Whether the variables are those after a whole number of steps, so that they can be saved.
        """
        if self._directory is None or not self._directory.record_path.exists():
            return
        try:
            # If the end callbacks failed, the checkpoint before them is the last.
            if whole and (self._newest is None or step_of(self._newest) != state.step):
                self.save(state, state, acted, must=True)
            self.write_record(facts, "failed")
        except (GantapeError, OSError) as error:
            logger.error("the run could not be saved after the error: {}", error)

    def _write_checkpoint(self, folder: CheckpointFolder, state: RunState, acted: RunState, keep: int) -> None:
        compiled, reader = self._compiled, self._reader
        assert compiled is not None
        assert reader is not None
        held = holdings_of(self._task)
        check_parts_hold(self._task, compiled.usage)
        if self._arrays is not None:
            self._arrays.check_unchanged()
        check_finite(held.without_metrics(), state.step)
        arrays = own_state(held.objects)
        states, totals = callback_states(self._callbacks), compiled.totals()
        kept = specs(held.variables), specs(arrays)
        snapshot = Snapshot(state, acted, self._history, totals, states, self._learning_rates, *kept)

        def write(place: Path) -> dict[str, Any]:
            write_tensors(held.variables, arrays, place / TENSORS)
            return attrs.evolve(snapshot, reader=reader.save(place / DATA)).to_json()

        with compiled.scope():
            self._newest = folder.save(state.step, write, keep)

    def _mark(self, best: float | None) -> None:
        if best is not None and self._folder is not None and self._newest is not None:
            self._folder.mark_best(self._newest, best)

    def _best(self, state: RunState) -> float | None:
        """The value of a row of this step, if it is the best so far; the chief decides."""
        wanted = self.settings.best if self.settings is not None else None
        if wanted is None:
            return None
        best = wanted.value(self._history, state.step)
        (value,), _ = self._workers.broadcast([math.nan if best is None else best])
        return None if math.isnan(value) else value


def _name(folder: Path | None) -> str:
    return "none" if folder is None else folder.name
