"""The base classes of sources of batches and of their readers."""

import itertools
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
    """A position in the data.

    Args:
        epoch: Finished passes over the data.
        batch: Batches read in the current pass.
    """

    epoch: int = 0
    batch: int = 0

    def after(self, count: int, length: int | None) -> "Position":
        """The position after more batches of an epoch, which has `length` of them if that is known."""
        done = self.batch + count
        return Position(self.epoch + 1) if done == length else Position(self.epoch, done)


@attrs.frozen(eq=False)
class BatchStack:
    """Several consecutive batches, or the indices of their examples in memory.

    Args:
        batches: The structure of a batch, each leaf with the axes `stack batch ...`; or, if there are `examples`, their
            indices, with the axes `stack batch`.
        count: Number of batches.
        next: The position after the last batch.
        prepare: Turns a stored batch into the one a task sees.
        examples: Tensors with the axis `examples` first, from which compiled code gathers each batch when it is needed.
        declared: The structure of a stored batch, with a `tf.TensorSpec` for each leaf, where axes are unknown that differ from
            batch to batch: a step is traced only once for all of them. By default, the shapes of these batches.
        augment: Changes a prepared batch in training, given the number of the step and the batch's place in it.
    """

    batches: Batch
    count: int
    next: Position
    prepare: Callable[[Batch], Batch]
    examples: Batch | None = None
    declared: Any = None
    augment: Callable[[Batch, Any, int], Batch] | None = None

    @classmethod
    def of(
        cls, batches: Sequence[Batch], after: Position, prepare: Callable[[Batch], Batch], declared: Any = None
    ) -> "BatchStack":
        """A stack of stored batches of one shape, at least one, and the position after them."""
        stacked = tf.nest.map_structure(lambda *leaves: np.stack(leaves), *batches)
        return cls(stacked, len(batches), after, prepare, declared=declared)

    @property
    def ends_epoch(self) -> bool:
        """Whether the last batch ends an epoch."""
        return self.next.batch == 0

    @property
    def batch_size(self) -> int:
        """Examples in a batch."""
        return len(tf.nest.flatten(self.batches)[0][0])

    @property
    def bytes_per_batch(self) -> int:
        """Bytes that are copied into compiled code per batch."""
        return sum(leaf.nbytes for leaf in tf.nest.flatten(self.batches)) // self.count

    @property
    def spec(self) -> Any:
        """The structure of a stored batch as a step is traced for it, a `tf.TensorSpec` for each leaf."""
        if self.declared is not None:
            return self.declared
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
    """A stored batch of a stack, by its index."""
    # XLA recompiles a slice for each index, a gather (TensorFlow 2.21) only once.
    taken = tf.nest.map_structure(lambda leaf: tf.gather(leaf, index), batches)
    return taken if examples is None else tf.nest.map_structure(lambda leaf: tf.gather(leaf, taken), examples)


class Reader(ABC):
    """Reads training batches in order, starting at a position."""

    @abstractmethod
    def read(self, count: int) -> BatchStack:
        """Read up to `count` batches of one shape, at least one, but not beyond the end of an epoch."""

    def save(self, prefix: Path, shown: Sequence[BatchStack] = ()) -> dict[str, Any]:
        """Save state that does not follow from seed and position; none by default.

        Args:
            prefix: The prefix of the file names.
            shown: Batches that a `PeekableReader` has read and not yet returned.

        Returns:
            Data for `restore`, as JSON holds it.

        Raises:
            DataError: If it cannot be saved.
            OSError: If the files cannot be written.
        """
        return {}

    def restore(self, prefix: Path, facts: Mapping[str, Any]) -> None:
        """Continue where a saved reader was; this one was opened with the same seed and position.

        Raises:
            DataError: If the saved state belongs to other data.
        """


class PeekableReader(Reader):
    """A reader that can show the next batches before they are read.

    Args:
        reader: The reader of further batches.
        most: The most batches to read at a time, for data that depends on the training.
    """

    def __init__(self, reader: Reader, most: int | None = None) -> None:
        self._reader = reader
        self._most = most
        self._shown: list[BatchStack] = []

    def save(self, prefix: Path, shown: Sequence[BatchStack] = ()) -> dict[str, Any]:
        return self._reader.save(prefix, [*shown, *self._shown])

    def restore(self, prefix: Path, facts: Mapping[str, Any]) -> None:
        self._reader.restore(prefix, facts)

    def peek(self, count: int) -> BatchStack:
        """The next batches that `read` will return: up to `count`, at least one."""
        self._show(self._limited(count))
        return _joined(self._alike(count))

    def read(self, count: int) -> BatchStack:
        if not self._shown:
            return self._reader.read(self._limited(count))
        self._show(self._limited(count))
        given = self._alike(count)
        self._shown = self._shown[len(given) :]
        return _joined(given)

    def _limited(self, count: int) -> int:
        return count if self._most is None else min(count, self._most)

    def _show(self, count: int) -> None:
        while len(self._shown) < count and not (self._shown and self._shown[-1].ends_epoch):
            self._shown.append(self._reader.read(1))

    def _alike(self, count: int) -> list[BatchStack]:
        """The first batches that are shown, as long as they have one shape."""
        first = _shapes(self._shown[0])
        return list(itertools.takewhile(lambda stack: _shapes(stack) == first, self._shown[:count]))


def _joined(stacks: list[BatchStack]) -> BatchStack:
    batches = tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *(stack.batches for stack in stacks))
    return attrs.evolve(stacks[-1], batches=batches, count=len(stacks))


def _shapes(stack: BatchStack) -> list[tuple[int, ...]]:
    return [tuple(leaf.shape[1:]) for leaf in tf.nest.flatten(stack.batches)]


class Batches(ABC):
    """A source of batches.

    In training, the partial batch at the end of an epoch is dropped, so that a step is traced only once and a discriminator
    sees as many real images as generated ones. With shuffled data, other examples are dropped in the next epoch. For evaluation
    the partial batch is kept, so that every example counts once. Sources that are given batches, not examples, may have
    others of another size: a step is traced once for each size.
    """

    @property
    @abstractmethod
    def batch_size(self) -> int:
        """Examples in a training batch."""

    @property
    @abstractmethod
    def batches_per_epoch(self) -> int | None:
        """Training batches in a pass over the data; `None` if unknown or infinite."""

    @property
    def endless(self) -> bool | None:
        """Whether a pass over the data never ends; `None` if that is not known."""
        return False

    @property
    def online(self) -> bool:
        """Whether batches depend on the training so far: then only those of the next step are read."""
        return False

    @property
    @abstractmethod
    def prepare(self) -> Callable[[Batch], Batch]:
        """Turns a stored batch into the one a task sees, inside the graph: bytes to floats, for example."""

    @abstractmethod
    def open(self, seed: int, position: Position) -> Reader:
        """A reader of training batches from a position on; the order is a pure function of (seed, epoch)."""

    def rows(self, seed: int, position: Position, count: int) -> list[int] | None:
        """The indices of the examples in the next `count` batches; `None` if they are not known."""
        return None

    def check_resumable(self) -> None:
        """Raise a `DataError` if a saved reader cannot be restored in another process."""

    @abstractmethod
    def examples_in_order(self) -> Iterator[Batch]:
        """Batches of every example once, in stored order; the last batch may be partial."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """A description of the data for the run's record: name, number of examples, checksum."""


def identity(batch: Batch) -> Batch:
    """The batch itself."""
    return batch
