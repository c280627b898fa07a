"""The data of a loop, read from the run's position in it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import attrs
import tensorflow as tf

from gantape.checkpoints.manager import CheckpointManager
from gantape.checkpoints.own_state import own_state
from gantape.data import Batches, BatchStack, PeekableReader, Position
from gantape.data.conversion import first_as_trained
from gantape.errors import DataError
from gantape.loop.checks import check_data, check_fills_steps, check_numbers, check_resumable
from gantape.state import RunState
from gantape.tasks import Task
from gantape.tasks.holdings import holdings_of
from gantape.tasks.late import make_late_variables
from gantape.tasks.variables import check_parts_hold
from gantape.types import Batch

WHERE = "gantape.Loop.run, argument `data`"
ADVICE = "look at the cause, in your function: it takes a batch of the data, with TensorFlow operations."


class DataIterator:
    """Opens the data of a loop. The first batch is checked before anything is compiled.

    Args:
        task: The task that is trained on it.
        seed: The seed of its order.
        manager: Restores the position of a resumed run.
        scope: Returns the context in which variables are made.
    """

    def __init__(
        self, task: Task, seed: int, manager: CheckpointManager, scope: Callable[[], AbstractContextManager[Any]]
    ) -> None:
        self._task = task
        self._seed = seed
        self._manager = manager
        self._scope = scope
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
        most = batches_per_step if data.online else None
        reader = PeekableReader(data.open(self._seed, Position(state.epoch, state.batch)), most)
        if resumes:
            self._manager.restore_reader(reader)
        if new:
            self._check(data, reader, begins=self._data is None and not state.step)
        self._data, self._reader = data, reader
        return reader, state

    def look_ahead(
        self, data: Batches | None, state: RunState, steps: int, batches_per_step: int, *, in_step: bool
    ) -> BatchStack:
        """Batches that a run would read next; nothing is taken from the open reader.

        If fewer are left in an epoch, they are those of the next.

        Args:
            data: The data; `None` for that which is open.
            state: The state of the run.
            steps: The number of steps that are to read them, fewer if an epoch has fewer.
            batches_per_step: The number of batches that a step needs.
            in_step: Whether the open reader is at the run's position.

        Raises:
            DataError: If no data is open and none is given, or it cannot fill a step.
            TensorError: If it does not fit the task, or is not finite.
        """
        chosen = self._data if data is None else data
        if chosen is None:
            raise DataError(
                "there is no data yet.",
                where="gantape.Loop.certify, argument `data`",
                got="None, in a loop that was not run",
                do="give the training data: loop.certify(data).",
            )
        check_data(chosen, "data", batches_per_step)
        most = steps * batches_per_step
        new, begins, epoch = chosen is not self._data, self._data is None and not state.step, state.epoch
        if not new and self._reader is not None and in_step:
            shown = self._reader.peek(most)
            if shown.count == most or chosen.online:
                return shown
            epoch += 1
        place = Position(epoch, 0 if new or epoch > state.epoch else state.batch)
        reader = PeekableReader(chosen.open(self._seed, place), batches_per_step if chosen.online else None)
        if new:
            self._check(chosen, reader, begins=begins)
        shown = reader.peek(most)
        check_fills_steps(shown, batches_per_step, first=True)
        return shown

    def rows(self, state: RunState, count: int) -> list[int] | None:
        """The indices in the data of the examples in the next batches from a state on, if known."""
        return None if self._data is None else self._data.rows(self._seed, Position(state.epoch, state.batch), count)

    def _check(self, data: Batches, reader: PeekableReader, *, begins: bool) -> None:
        if self._manager.saves:
            check_resumable(data, reader)
        batch = first_as_trained(reader.peek(1), WHERE, ADVICE)
        self._task.check_batch(batch)
        check_numbers(batch, f"gantape.Loop.run, argument `data`, {type(self._task).__name__}")
        with self._scope():
            if begins:
                self._task.set_up(_prepared_batches(data))
            make_late_variables(self._task, batch, self._seed, saved=self._manager.saves)
        if self._manager.saves:
            check_parts_hold(self._task)
            own_state(holdings_of(self._task).objects)


def _prepared_batches(data: Batches) -> Iterator[Batch]:
    """Prepared batches of every example; nothing is read, nor refused, before the first is asked for."""
    for stored in data.examples_in_order():
        yield data.prepare(tf.nest.map_structure(tf.convert_to_tensor, stored))
