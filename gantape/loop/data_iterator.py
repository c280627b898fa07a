"""What a loop reads: data, opened where a run is in it.

Its first batch is looked at before anything is compiled.
"""

from gantape.checkpoints.folder import DATA
from gantape.checkpoints.manager import Keeper
from gantape.checkpoints.snapshot import check_parts_hold
from gantape.checkpoints.standing import Standing
from gantape.data import Batches, Lookahead, Position
from gantape.loop.checks import check_data, check_numbers, check_resumable
from gantape.tasks import Task


class Feed:
    """Opens the data of a loop.

    Args:
        task: What is trained on it.
        seed: The seed of its order.
        keeper: Knows what a run that is resumed has read.
    """

    def __init__(self, task: Task, seed: int, keeper: Keeper) -> None:
        self.data: Batches | None = None
        self._task = task
        self._seed = seed
        self._keeper = keeper
        self._reader: Lookahead | None = None

    def open(self, data: Batches, standing: Standing, batches_per_step: int, *, in_step: bool) -> Lookahead:
        """Read on in the data of the run before, or begin other data.

        Args:
            data: The data.
            standing: Where the run is; its position is brought to where the reader begins.
            batches_per_step: Batches that a step needs.
            in_step: Whether the reader that is open already is where the run is.

        Raises:
            DataError: If the data cannot fill a step, or, where checkpoints are saved, a run on it cannot be resumed.
            ResumeError: If it is not the data of the run that is resumed.
            TensorError: If it does not fit the task, or is not finite.
        """
        check_data(data, "data", batches_per_step)
        if data is self.data and self._reader is not None and in_step:
            return self._reader
        new, found = data is not self.data, None
        if new:
            standing.position, found = self._keeper.place_in(data, standing.position, first=self.data is None)
        reader = Lookahead(data.open(self._seed, standing.position))
        if found is not None:
            reader.restore(found.folder / DATA, found.reader)
        if new:
            stack = reader.peek(1)
            batch = stack.prepare(stack.batch(0))
            self._task.check_batch(batch)
            check_numbers(batch, f"gantape.Loop.run, argument `data`, {type(self._task).__name__}")
            if self._keeper.saves:
                check_parts_hold(self._task)
                check_resumable(data, reader)
        self.data, self._reader = data, reader
        return reader

    def rows(self, position: Position, count: int) -> list[int] | None:
        """The examples of the next batches from a position on, by their places in the data, where these are known."""
        return None if self.data is None else self.data.rows(self._seed, position, count)
