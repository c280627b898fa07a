"""The data of a loop, read from the run's position in it."""

import attrs

from gantape.checkpoints.manager import CheckpointManager
from gantape.data import Batches, PeekableReader, Position
from gantape.loop.checks import check_data, check_numbers, check_resumable
from gantape.state import RunState
from gantape.tasks import Task
from gantape.tasks.variables import check_parts_hold


class DataIterator:
    """Opens the data of a loop. The first batch is checked before anything is compiled.

    Args:
        task: The task that is trained on it.
        seed: The seed of its order.
        manager: Restores the position of a resumed run.
    """

    def __init__(self, task: Task, seed: int, manager: CheckpointManager) -> None:
        self._task = task
        self._seed = seed
        self._manager = manager
        self._data: Batches | None = None
        self._reader: PeekableReader | None = None

    def open(self, data: Batches, state: RunState, batches_per_step: int, *, in_step: bool) -> tuple[PeekableReader, RunState]:
        """Continue reading the same data, or start reading other data.

        Args:
            data: The data.
            state: The state of the run.
            batches_per_step: The number of batches that a step needs.
            in_step: Whether the open reader is at the run's position.

        Returns:
            The reader, and the state with the position at which it starts.

        Raises:
            DataError: If the data cannot fill a step, or, where checkpoints are saved, a run on it cannot be resumed.
            ResumeError: If it is not the data of the resumed run.
            TensorError: If it does not fit the task, or is not finite.
        """
        check_data(data, "data", batches_per_step)
        new = data is not self._data
        if not new and self._reader is not None and in_step:
            return self._reader, state
        resumes = new and self._manager.resumes(data, first=self._data is None)
        if new and not resumes:
            state = attrs.evolve(state, batch=0)
        reader = PeekableReader(data.open(self._seed, Position(state.epoch, state.batch)))
        if resumes:
            self._manager.restore_reader(reader)
        if new:
            self._check(data, reader)
        self._data, self._reader = data, reader
        return reader, state

    def rows(self, state: RunState, count: int) -> list[int] | None:
        """The indices in the data of the examples in the next batches from a state on, if known."""
        return None if self._data is None else self._data.rows(self._seed, Position(state.epoch, state.batch), count)

    def _check(self, data: Batches, reader: PeekableReader) -> None:
        stack = reader.peek(1)
        batch = stack.prepare(stack.batch(0))
        self._task.check_batch(batch)
        check_numbers(batch, f"gantape.Loop.run, argument `data`, {type(self._task).__name__}")
        if self._manager.saves:
            check_parts_hold(self._task)
            check_resumable(data, reader)
