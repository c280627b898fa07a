"""Batches from any `tf.data.Dataset`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape._tensorflow import shuffle_seeds
from gantape.data.batches import Batches, BatchStack, Position, Reader, identity
from gantape.errors import DataError, summary
from gantape.types import Batch


@attrs.frozen(eq=False)
class DatasetBatches(Batches):
    """Batches from a `tf.data.Dataset`. Made by `gantape.data.from_dataset`."""

    dataset: Any = attrs.field(repr=False)
    batch_size: int
    prepare: Callable[[Batch], Batch] = attrs.field(default=identity, repr=False)
    name: str = "tf.data"

    @property
    def batches_per_epoch(self) -> None:
        return None

    def open(self, seed: int, position: Position) -> Reader:
        return _DatasetReader(self, position)

    def examples_in_order(self) -> Iterator[Batch]:
        return iter(self.dataset.as_numpy_iterator())

    def describe(self) -> dict[str, Any]:
        seeds = [list(seed) for seed in shuffle_seeds(self.dataset)]
        spec = repr(self.dataset.element_spec)
        return {"name": self.name, "batch_size": self.batch_size, "batches": spec, "shuffle_seeds": seeds}

    def check_resumable(self) -> None:
        if (0, 0) in shuffle_seeds(self.dataset):
            raise DataError(
                "this dataset is shuffled differently each time, so that a run could not be resumed.",
                where=self.name,
                got="shuffle without a seed",
                do="set a seed: dataset.shuffle(buffer_size, seed=0); or do without checkpoints, with "
                "gantape.Loop(..., checkpoints=None).",
            )


class _DatasetReader(Reader):
    """Iterates over a dataset once per epoch. It reads one batch ahead, to know which batch ends an epoch."""

    def __init__(self, source: DatasetBatches, position: Position) -> None:
        self._source = source
        self._position = position
        self._iterator: Any = None
        self._skipped = position.batch
        # Batches from the iterator that are not yet returned; None where an epoch ends.
        self._queue: list[Batch | None] = []

    def read(self, count: int) -> BatchStack:
        found: list[Batch] = []
        while len(found) < count and self._ahead() is not None:
            found.append(self._queue.pop(0))
        if not found:
            raise DataError(
                "the dataset has no full batch.",
                where=f"{self._source.name}, epoch {self._position.epoch}",
                got=f"no batch of {self._source.batch_size} examples",
                do="check that the dataset is not empty and can be iterated over more than once.",
            )
        if self._ahead() is None:
            self._queue.pop(0)
            self._position = Position(self._position.epoch + 1, 0)
        else:
            self._position = Position(self._position.epoch, self._position.batch + len(found))
        batches = tf.nest.map_structure(lambda *leaves: np.stack(leaves), *found)
        return BatchStack(batches, len(found), self._position, self._source.prepare)

    def save(self, prefix: Path, shown: Sequence[BatchStack] = ()) -> dict[str, Any]:
        """Save the iterator, with its buffers, and the batches that were read ahead."""
        queue = [item for stack in shown for item in (stack.batch(0), *([None] if stack.ends_epoch else []))] + self._queue
        variables = [tf.Variable(leaf) for item in queue if item is not None for leaf in tf.nest.flatten(item)]
        self._open()
        try:
            tf.train.Checkpoint(iterator=self._iterator, queue=variables).write(str(prefix))
        except tf.errors.FailedPreconditionError as error:
            raise DataError(
                "the position in this dataset cannot be saved, so that a run could not be resumed.",
                where=self._source.name,
                got=error.message.rpartition("}} ")[2].split(" [Op:")[0],
                do="avoid Python generators, tf.numpy_function and stateful random operations; use "
                "gantape.data.from_arrays for data that fits in memory; or do without checkpoints: "
                "gantape.Loop(..., checkpoints=None).",
            ) from None
        except tf.errors.OpError as error:
            raise OSError(error.message) from None
        return {"queue": [item is not None for item in queue]}

    def restore(self, prefix: Path, facts: Mapping[str, Any]) -> None:
        self._open(skip=False)
        spec = self._source.dataset.element_spec
        shapes = [[self._source.batch_size, *leaf.shape[1:]] for leaf in tf.nest.flatten(spec)]
        queued = [bool(is_batch) for is_batch in facts.get("queue", ())]
        variables = [
            tf.Variable(tf.zeros(shape, leaf.dtype) if leaf.dtype != tf.string else tf.fill(shape, ""))
            for _ in range(sum(queued))
            for shape, leaf in zip(shapes, tf.nest.flatten(spec), strict=True)
        ]
        try:
            tf.train.Checkpoint(iterator=self._iterator, queue=variables).read(str(prefix)).assert_consumed()
        except (tf.errors.OpError, AssertionError, ValueError, TypeError) as error:
            raise DataError(
                "the position in the dataset cannot be restored.",
                where=self._source.name,
                got=summary(error),
                do="resume with the dataset of the run, built by the same operations in the same order.",
            ) from None
        leaves = iter([variable.numpy() for variable in variables])
        self._queue = [tf.nest.map_structure(lambda _: next(leaves), spec) if is_batch else None for is_batch in queued]

    def _open(self, *, skip: bool = True) -> None:
        if self._iterator is None:
            self._iterator = iter(self._source.dataset)
            for _ in range(self._skipped if skip else 0):
                self._next()
            self._skipped = 0

    def _ahead(self) -> Batch | None:
        """The next batch, without consuming it; None where an epoch ends."""
        if not self._queue:
            self._open()
            batch = self._next()
            if batch is None:
                self._iterator = None
            self._queue.append(batch)
        return self._queue[0]

    def _next(self) -> Batch | None:
        for batch in self._iterator:
            arrays = tf.nest.map_structure(lambda leaf: leaf.numpy(), batch)
            if len(tf.nest.flatten(arrays)[0]) == self._source.batch_size:
                return arrays
        return None


def from_dataset(dataset: Any, *, prepare: Callable[[Batch], Batch] = identity, name: str = "tf.data") -> DatasetBatches:
    """Batches from a batched `tf.data.Dataset`, which does its own shuffling.

    Args:
        dataset: A dataset whose elements are batches; the first one defines the batch size.
        prepare: Applied to each batch inside the graph.
        name: The name of the data in the run's record.

    Returns:
        Batches with the structure of the dataset's elements. An epoch is one pass over the dataset.

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
            do="batch it with dataset.batch(batch_size), after resizing the examples to one size if they differ.",
        )
    first = next(iter(dataset.take(1).as_numpy_iterator()), None)
    if first is None:
        raise DataError("the dataset is empty.", where=where, got="no batch", do="check where its examples come from.")
    return DatasetBatches(dataset, len(tf.nest.flatten(first)[0]), prepare, name)
