"""A run on the disk: its directory, lock, record and checkpoints."""

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
from gantape.checkpoints.restore import restore_task
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
from gantape.tasks.variables import check_parts_hold, learning_rates, named_variables


class CheckpointManager:
    """Writes what a loop with a directory leaves there, and restores it. Without a directory it does nothing.

    Of several workers the chief alone writes into the directory, from which all resume: it is one that all can read. To save
    metrics, all have to read them together: what the others write goes into a directory that is removed with the process.

    Args:
        task: What is trained.
        run_dir: The run's directory.
        settings: When checkpoints are saved, and which are kept; `None` for none.
        workers: Who takes part.
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
        self._folder: CheckpointFolder | None = None
        self._newest: Path | None = None
        self._learning_rates: dict[str, float] = {}
        self._description: dict[str, Any] = {}
        self._compiled: CompiledSteps | None = None
        self._reader: Reader | None = None
        self._callbacks: Sequence[Callback] = ()

    @property
    def saves(self) -> bool:
        """Whether checkpoints are saved."""
        return self._directory is not None and self.settings is not None

    def restore(self, record: RunRecord) -> RunState:
        """Read the newest whole checkpoint of a run into its task and history.

        Raises:
            RunDirectoryError: If there is none, it is one of other networks, or another loop is at work in the directory.
        """
        folder = CheckpointFolder(record.path / FOLDER, record.run)
        with RunDirectory(record.path).locked() if self._workers.chief else contextlib.nullcontext():
            path, found = restore_task(self._task, folder, record.changed)
            if self.run_dir is not None and not self._workers.chief:
                folder = CheckpointFolder(self.run_dir / FOLDER, folder.run)
            self._newest = folder.newest()
        self._folder, self._record, self._restored = folder, record, (path, found)
        self._learning_rates = found.learning_rates
        self._history.rows[:] = found.history.rows
        logger.info("going on with {} at step {}", path, found.state.step)
        return found.state

    def resumes(self, data: Batches, *, first: bool) -> bool:
        """Whether data that is new to the loop is that of the run which is resumed.

        Args:
            data: The data.
            first: Whether this is the first data of the loop.

        Raises:
            ResumeError: If it is other data, and may not be.
        """
        if self._directory is not None:
            self._description = data.describe()
        return first and self._record is not None and self._record.check_data(self._description)

    def restore_reader(self, reader: Reader) -> None:
        """Restore the reader of the data of the run which is resumed."""
        if self._restored is not None:
            path, found = self._restored
            reader.restore(path / DATA, found.reader)

    def open(self, stack: contextlib.ExitStack) -> None:
        """Make the directory, and lock it until the stack is left.

        Raises:
            RunDirectoryError: If it cannot be written, or holds another run, or another loop is at work in it.
        """
        if self._directory is None:
            return
        if self._folder is None:
            self._directory.create()
        stack.enter_context(self._directory.locked())
        if self._folder is None:
            self._directory.create()  # another loop may have begun and ended here before the lock was ours
            self._folder = CheckpointFolder(self._directory.path / FOLDER, uuid.uuid4().hex)
            self._learning_rates = learning_rates(self._task)
        elif self._folder.newest() != self._newest:
            raise RunDirectoryError(
                "the checkpoints are not as this loop left them.",
                where=str(self._folder.path),
                got=f"{_name(self._folder.newest())} as the newest, where this loop knows of {_name(self._newest)}",
                do="go on by gantape.Loop.resume: another loop has gone on with this run, or has removed its checkpoints.",
            )

    def start(self, compiled: CompiledSteps, reader: Reader, callbacks: Sequence[Callback]) -> RunState | None:
        """Take what a checkpoint is saved of beside the task; in a resumed run, restore it.

        Returns:
            The state up to which callbacks were asked whether they are due; nothing for a new run.
        """
        self._compiled, self._reader, self._callbacks = compiled, reader, callbacks
        if self._restored is None:
            return None
        path, found = self._restored
        self._restored = None
        compiled.restore(found.totals)
        restore_callbacks(callbacks, found.callbacks, str(path))
        return found.acted

    def next_step(self, step: int) -> int | None:
        """The first step after `step` at which a checkpoint is due, if it is known."""
        return self.settings.every.next_step(step) if self.settings is not None and self.saves else None

    def save(self, state: RunState, before: RunState, acted: RunState, *, must: bool = False) -> bool:
        """Save a checkpoint if it is due; returns whether it was.

        Args:
            state: How far the run has come.
            before: The state at the end of the call before.
            acted: The state up to which callbacks were asked.
            must: Whether to save it in any case.

        Raises:
            TaskError: If a step changes variables that no part of the task holds.
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
        """Mark the newest checkpoint as the best, if a row that came with the end makes it so."""
        self._mark(self._best(state))

    def write_record(self, facts: Mapping[str, Any], status: str) -> None:
        """Bring the record up to date.

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
        """Save what can be saved and write the record, if the run has one.

        Args:
            state: How far the run has come.
            acted: The state up to which callbacks were asked.
            facts: For the record.
            whole: Whether the run's variables are those of a whole number of steps.
        """
        if self._directory is None or not self._directory.record_path.exists():
            return
        try:
            # The checkpoint before the actions of the end is not followed by one behind them.
            if whole and (self._newest is None or step_of(self._newest) != state.step):
                self.save(state, state, acted, must=True)
            self.write_record(facts, "failed")
        except (GantapeError, OSError) as error:
            logger.error("not all could be saved on the way out: {}", error)

    def _write_checkpoint(self, folder: CheckpointFolder, state: RunState, acted: RunState, keep: int) -> None:
        compiled, reader = self._compiled, self._reader
        assert compiled is not None
        assert reader is not None
        variables = named_variables(self._task)
        check_parts_hold(self._task, compiled.variables)
        check_finite(variables, state.step)
        states, totals = callback_states(self._callbacks), compiled.totals()
        snapshot = Snapshot(state, acted, self._history, totals, states, self._learning_rates, specs(variables))

        def write(place: Path) -> dict[str, Any]:
            write_tensors(variables, place / TENSORS)
            return attrs.evolve(snapshot, reader=reader.save(place / DATA)).to_json()

        with compiled.scope():
            self._newest = folder.save(state.step, write, keep)

    def _mark(self, best: float | None) -> None:
        if best is not None and self._folder is not None and self._newest is not None:
            self._folder.mark_best(self._newest, best)

    def _best(self, state: RunState) -> float | None:
        """The value of a row of this very step, if it is the best so far; as the chief has it."""
        wanted = self.settings.best if self.settings is not None else None
        if wanted is None:
            return None
        best = wanted.value(self._history, state.step)
        (told,), _ = self._workers.broadcast([math.nan if best is None else best])
        return None if math.isnan(told) else told


def _name(folder: Path | None) -> str:
    return "none" if folder is None else folder.name
