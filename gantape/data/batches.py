"""What every source of batches can do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape.types import Batch


@attrs.frozen
class Position:
    """A place in the data.

    Args:
        epoch: Passes over the data finished.
        batch: Batches read in this pass.
    """

    epoch: int = 0
    batch: int = 0


@attrs.frozen(eq=False)
class BatchStack:
    """Several batches that lie one behind the other, or the rows of examples in memory that they are made of.

    Args:
        batches: The structure of a batch, each leaf with the axes `stack batch ...`; or, where there are `examples`, their
            row numbers, with the axes `stack batch`.
        count: How many batches there are.
        next: Where to read on.
        prepare: What turns a stored batch into the one a task sees.
        examples: Tensors with the axis `examples` first, from which compiled code gathers each batch when it is its turn.
    """

    batches: Batch
    count: int
    next: Position
    prepare: Callable[[Batch], Batch]
    examples: Batch | None = None

    @property
    def ends_epoch(self) -> bool:
        """Whether an epoch ends with the last batch."""
        return self.next.batch == 0

    @property
    def batch_size(self) -> int:
        """Examples in a batch."""
        return len(tf.nest.flatten(self.batches)[0][0])

    @property
    def bytes_per_batch(self) -> int:
        """Bytes that are copied into compiled code for each batch."""
        return sum(leaf.nbytes for leaf in tf.nest.flatten(self.batches)) // self.count

    @property
    def spec(self) -> Any:
        """The structure of a stored batch, a `tf.TensorSpec` for each leaf."""
        before = (self.batch_size,) if self.examples is not None else ()
        leaves = self.batches if self.examples is None else self.examples
        return tf.nest.map_structure(lambda leaf: tf.TensorSpec([*before, *leaf.shape[1:]], leaf.dtype), leaves)

    def batch(self, index: int) -> Batch:
        """A stored batch."""
        return take_batch(self.batches, self.examples, index)

    def first(self, count: int) -> "BatchStack":
        """The first batches."""
        return attrs.evolve(self, batches=tf.nest.map_structure(lambda leaf: leaf[:count], self.batches), count=count)


def take_batch(batches: Batch, examples: Batch | None, index: Any) -> Batch:
    """A stored batch of a stack, by its place in it."""
    # XLA compiles a slice anew for each place, a gather (TensorFlow 2.21) once for all.
    taken = tf.nest.map_structure(lambda leaf: tf.gather(leaf, index), batches)
    return taken if examples is None else tf.nest.map_structure(lambda leaf: tf.gather(leaf, taken), examples)


class Reader(ABC):
    """Reads training batches in order, from a position on."""

    @abstractmethod
    def read(self, count: int) -> BatchStack:
        """Read up to `count` whole batches, at least one, and never across the end of an epoch."""

    def save(self, prefix: Path, shown: Sequence[BatchStack] = ()) -> dict[str, Any]:
        """Save what seed and position do not tell: nothing here.

        Args:
            prefix: How the names of the files begin.
            shown: What was read by a `PeekableReader` and has still to be given.

        Returns:
            Plain data that `restore` needs.

        Raises:
            DataError: If it cannot be saved.
            OSError: If the files cannot be written.
        """
        return {}

    def restore(self, prefix: Path, facts: Mapping[str, Any]) -> None:
        """Go on where another reader was when it was saved; this one was opened with its seed and position.

        Raises:
            DataError: If what was saved is of other data.
        """


class PeekableReader(Reader):
    """A reader that can show what it will read next.

    Args:
        reader: Reads on where nothing was shown.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._shown: list[BatchStack] = []

    def save(self, prefix: Path, shown: Sequence[BatchStack] = ()) -> dict[str, Any]:
        return self._reader.save(prefix, [*shown, *self._shown])

    def restore(self, prefix: Path, facts: Mapping[str, Any]) -> None:
        self._reader.restore(prefix, facts)

    def peek(self, count: int) -> BatchStack:
        """Up to `count` batches, at least one, that `read` will give next."""
        self._show(count)
        return _joined(self._shown[:count])

    def read(self, count: int) -> BatchStack:
        if not self._shown:
            return self._reader.read(count)
        self._show(count)
        given, self._shown = self._shown[:count], self._shown[count:]
        return _joined(given)

    def _show(self, count: int) -> None:
        while len(self._shown) < count and not (self._shown and self._shown[-1].ends_epoch):
            self._shown.append(self._reader.read(1))


def _joined(stacks: list[BatchStack]) -> BatchStack:
    batches = tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *(stack.batches for stack in stacks))
    return attrs.evolve(stacks[-1], batches=batches, count=len(stacks))


class Batches(ABC):
    """A source of batches.

    For training, every batch has `batch_size` examples: the partial batch at the end of an epoch is dropped (its examples
    come at another place in the next epoch if the data is shuffled), so that a step is traced once, and a discriminator sees
    as many real images as generated ones. For evaluation it is kept, so that every example counts once.
    """

    @property
    @abstractmethod
    def batch_size(self) -> int:
        """Examples in a training batch."""

    @property
    @abstractmethod
    def batches_per_epoch(self) -> int | None:
        """Whole batches in a pass over the data; `None` where that is not known or without end."""

    @property
    @abstractmethod
    def prepare(self) -> Callable[[Batch], Batch]:
        """What turns a stored batch into the one a task sees, run inside the graph: pixels to floats, say."""

    @abstractmethod
    def open(self, seed: int, position: Position) -> Reader:
        """Read training batches from a position on; the order is a pure function of (seed, epoch)."""

    def rows(self, seed: int, position: Position, count: int) -> list[int] | None:
        """The examples of the next `count` batches by their places in the data, where these are known."""
        return None

    def check_resumable(self) -> None:
        """Raise a `DataError` if a reader cannot go on, in another process, where one was saved."""

    @abstractmethod
    def examples_in_order(self) -> Iterator[Batch]:
        """Every example once, in stored order, the last batch partial."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What the data is, for the record of a run: name, number of examples, checksum."""


def identity(batch: Batch) -> Batch:
    """Prepare nothing."""
    return batch
