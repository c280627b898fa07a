"""Batches from any `tf.data.Dataset`."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape.data.batches import Batches, Position, Reader, Stack, unchanged
from gantape.errors import DataError
from gantape.types import Batch


@attrs.frozen(eq=False)
class DatasetBatches(Batches):
    """Batches from a `tf.data.Dataset`. Made by `gantape.data.from_dataset`."""

    dataset: Any = attrs.field(repr=False)
    batch_size: int
    prepare: Callable[[Batch], Batch] = attrs.field(default=unchanged, repr=False)
    name: str = "tf.data"

    @property
    def batches_per_epoch(self) -> None:
        return None

    def open(self, seed: int, position: Position) -> Reader:
        return _DatasetReader(self, position)

    def in_order(self) -> Iterator[Batch]:
        return iter(self.dataset.as_numpy_iterator())

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "batch_size": self.batch_size, "batches": repr(self.dataset.element_spec)}


class _DatasetReader(Reader):
    """Looks one batch ahead, so that the end of an epoch is known with its last batch."""

    def __init__(self, source: DatasetBatches, position: Position) -> None:
        self._source = source
        self._position = Position(position.epoch, 0)
        self._iterator = self._whole_batches()
        self._ahead = next(self._iterator, None)
        for _ in range(position.batch):
            self.read(1)

    def read(self, count: int) -> Stack:
        found: list[Batch] = []
        while self._ahead is not None and len(found) < count:
            found.append(self._ahead)
            self._ahead = next(self._iterator, None)
        if not found:
            raise DataError(
                "the dataset has no whole batch.",
                where=f"{self._source.name}, epoch {self._position.epoch}",
                got=f"no batch of {self._source.batch_size} examples",
                do="check that the dataset is not empty and can be read again from its start.",
            )
        position = self._position
        if self._ahead is None:
            self._position = Position(position.epoch + 1, 0)
            self._iterator = self._whole_batches()
            self._ahead = next(self._iterator, None)
        else:
            self._position = Position(position.epoch, position.batch + len(found))
        batches = tf.nest.map_structure(lambda *leaves: np.stack(leaves), *found)
        return Stack(batches, len(found), self._position, self._source.prepare)

    def _whole_batches(self) -> Iterator[Batch]:
        for batch in self._source.dataset.as_numpy_iterator():
            if len(tf.nest.flatten(batch)[0]) == self._source.batch_size:
                yield batch


def from_dataset(dataset: Any, *, prepare: Callable[[Batch], Batch] = unchanged, name: str = "tf.data") -> DatasetBatches:
    """Batches from a `tf.data.Dataset` that is batched already. Shuffling is the dataset's own business.

    Args:
        dataset: A dataset whose elements are batches; its first batch tells the batch size.
        prepare: Applied to each batch inside the graph.
        name: What the data is called in the record of a run.

    Returns:
        Batches with the structure of the dataset's elements. Where the dataset ends, an epoch ends.

    Raises:
        DataError: If it is not a dataset, is empty, is not batched, or its batches differ in shape beyond their first axis.
    """
    where = "gantape.data.from_dataset, argument `dataset`"
    if not isinstance(dataset, tf.data.Dataset):
        raise DataError(
            "this is not a tf.data.Dataset.",
            where=where,
            got=type(dataset).__name__,
            do="use gantape.data.from_arrays for arrays.",
        )
    leaves = tf.nest.flatten(dataset.element_spec)
    if not all(isinstance(leaf, tf.TensorSpec) and leaf.shape.rank and leaf.shape[1:].is_fully_defined() for leaf in leaves):
        raise DataError(
            "the elements of the dataset are not batches of one shape.",
            where=where,
            got=repr(dataset.element_spec),
            do="batch it with dataset.batch(batch_size); bring examples of different sizes to one size before.",
        )
    first = next(iter(dataset.take(1).as_numpy_iterator()), None)
    if first is None:
        raise DataError("the dataset is empty.", where=where, got="no batch", do="check where its examples come from.")
    return DatasetBatches(dataset, len(tf.nest.flatten(first)[0]), prepare, name)
