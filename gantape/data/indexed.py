"""Batches of examples that are read by index when they are needed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

from gantape.data.arrays import ShuffledBatches, shuffled
from gantape.data.batches import BatchStack, Position, Reader, identity
from gantape.data.conversion import check_size
from gantape.types import Batch

Rows = np.ndarray[Any, np.dtype[np.int64]]


class Examples(ABC):
    """Examples that can be read in any order."""

    @property
    @abstractmethod
    def count(self) -> int:
        """Number of examples."""

    @abstractmethod
    def batches(self, rows: Rows, batch_size: int) -> Iterator[Batch]:
        """The examples with these indices, in batches of arrays; the last batch may be partial.

        Only a few batches are in memory at a time.

        Raises:
            DataError: If an example cannot be read.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """A description of the examples for the run's record."""


@attrs.frozen(eq=False)
class IndexedBatches(ShuffledBatches):
    """Batches of examples that are read when needed, reshuffled in every epoch like arrays in memory.

    The order is a pure function of seed and epoch. A resumed run continues at its position without reading earlier examples;
    neither a buffer nor an iterator is saved.
    """

    source: Examples = attrs.field(repr=False)
    batch_size: int
    prepare: Callable[[Batch], Batch] = attrs.field(default=identity, repr=False)
    name: str = "examples"

    def __attrs_post_init__(self) -> None:
        check_size(self.batch_size, self.name)

    @property
    def examples(self) -> int:
        """Number of examples."""
        return self.source.count

    def open(self, seed: int, position: Position) -> Reader:
        self.check_fills_a_batch()
        return _IndexedReader(self, seed, position)

    def examples_in_order(self) -> Iterator[Batch]:
        return self.source.batches(np.arange(self.examples, dtype=np.int64), self.batch_size)

    def describe(self) -> dict[str, Any]:
        facts = {"name": self.name, "examples": self.examples, "batch_size": self.batch_size}
        return facts | self.source.describe()


@attrs.define(eq=False)
class _IndexedReader(Reader):
    source: IndexedBatches
    seed: int
    position: Position
    batches: Iterator[Batch] | None = None

    def read(self, count: int) -> BatchStack:
        source, position, size = self.source, self.position, self.source.batch_size
        if self.batches is None:
            order = shuffled(source.examples, self.seed, position.epoch)
            self.batches = source.source.batches(order[position.batch * size : source.batches_per_epoch * size], size)
        found = [next(self.batches) for _ in range(min(count, source.batches_per_epoch - position.batch))]
        self.position = position.after(len(found), source.batches_per_epoch)
        if self.position.epoch > position.epoch:
            self.batches = None
        return BatchStack.of(found, self.position, source.prepare)
