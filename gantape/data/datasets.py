"""Batches from any `tf.data.Dataset`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tensorflow as tf
from loguru import logger

from gantape._tensorflow import made_in_python, repeats_shuffled, shuffle_seeds
from gantape.data.batches import Batches, BatchStack, Position, Reader, identity
from gantape.data.conversion import check_size, shapes_of, source_for
from gantape.data.layout import Layout, check_stored, store
from gantape.errors import DataError, counted, summary
from gantape.types import Batch

WHERE = "gantape.data.from_dataset, argument `dataset`"


@attrs.frozen(eq=False)
class DatasetBatches(Batches):
    """Batches from a `tf.data.Dataset`. Made by `gantape.data.from_dataset`."""

    dataset: Any = attrs.field(repr=False)
    batch_size: int
    layout: Layout = attrs.field(repr=False)
    prepare: Callable[[Batch], Batch] = attrs.field(default=identity, repr=False)
    name: str = "tf.data"
    batches_per_epoch: int | None = None

    @property
    def endless(self) -> bool | None:
        if self.batches_per_epoch is not None:
            return False
        cardinality = int(self.dataset.cardinality())
        return None if cardinality == tf.data.UNKNOWN_CARDINALITY else cardinality == tf.data.INFINITE_CARDINALITY

    def open(self, seed: int, position: Position) -> Reader:
        if made_in_python(self.dataset):
            logger.info(
                "{} reads from a Python generator, many steps ahead of the training: for batches that depend on the training, "
                "use gantape.data.online.",
                self.name,
            )
        return _DatasetReader(self, position)

    def examples_in_order(self) -> Iterator[Batch]:
        return islice(self.batches_of(iter(self.dataset)), self.batches_per_epoch)

    def batches_of(self, iterator: Any) -> Iterator[Batch]:
        """The batches of an iterator over the dataset, as arrays.

        Raises:
            DataError: If one cannot be read.
        """
        number = 0
        while True:
            try:
                batch = next(iterator, None)
            except Exception as error:  # whatever the user's functions raise
                raise DataError(
                    "the dataset cannot be read.",
                    where=f"{self.name}, after {counted(number, 'batch')}",
                    got=summary(error),
                    do="iterate over it by hand to see where this comes from.",
                ) from None
            if batch is None:
                return
            number += 1
            yield store(batch)

    def describe(self) -> dict[str, Any]:
        seeds = [list(seed) for seed in shuffle_seeds(self.dataset)]
        facts = {"name": self.name, "batch_size": self.batch_size, "batches": repr(self.dataset.element_spec)}
        length = {} if self.batches_per_epoch is None else {"batches_per_epoch": self.batches_per_epoch}
        return {**facts, "shuffle_seeds": seeds, **length}

    def check_resumable(self) -> None:
        if (0, 0) in shuffle_seeds(self.dataset):
            raise DataError(
                "this dataset is shuffled differently each time, so that a run could not be resumed.",
                where=self.name,
                got="shuffle without a seed",
                do="set a seed: dataset.shuffle(buffer_size, seed=0); or do without checkpoints, with "
                "gantape.Loop(..., checkpoints=None).",
            )
        if repeats_shuffled(self.dataset):
            raise DataError(
                "this dataset loses its order when it is saved, so that a run could not be resumed.",
                where=self.name,
                got="shuffle, other operations, and then repeat",
                do="repeat before batching: dataset.shuffle(buffer_size, seed=0).repeat().batch(batch_size); or leave repeat "
                "out, since an epoch begins the dataset anew.",
            )


class _DatasetReader(Reader):
    """Iterates over a dataset once per epoch, or, if `batches_per_epoch` is given, once in all.

    In the first case it reads one batch ahead, to know which batch ends an epoch; before a smaller one, two.
    """

    def __init__(self, source: DatasetBatches, position: Position) -> None:
        self._source = source
        self._position = position
        self._iterator: Any = None
        self._batches: Iterator[Batch] = iter(())
        self._skipped = position.batch + position.epoch * (source.batches_per_epoch or 0)
        # Batches from the iterator that are not yet returned; None where it ends.
        self._queue: list[Batch | None] = []
        self._told = False

    def read(self, count: int) -> BatchStack:
        source, position, given = self._source, self._position, self._source.batches_per_epoch
        found: list[Batch] = []
        most = count if given is None else min(count, given - position.batch)
        while len(found) < most and (batch := self._front()) is not None:
            if found and shapes_of(batch) != shapes_of(found[0]):
                break
            found.append(batch)
            del self._queue[0]
        if not found:
            raise DataError(
                "the dataset has no full batch." if given is None else "the dataset ends within an epoch.",
                where=f"{source.name}, epoch {position.epoch}",
                got=f"no batch of {counted(source.batch_size, 'example')}"
                if given is None
                else f"{counted(position.batch, 'batch')} of {given}",
                do="check that the dataset is not empty and can be iterated over more than once."
                if given is None
                else "repeat it without end, dataset.repeat(), or leave batches_per_epoch out.",
            )
        self._position = position.after(len(found), given)
        if given is None and self._front() is None:
            del self._queue[0]
            self._position = Position(position.epoch + 1)
        return BatchStack.of(found, self._position, source.prepare, source.layout.spec(found[0]))

    def save(self, prefix: Path, shown: Sequence[BatchStack] = ()) -> dict[str, Any]:
        """Save the iterator, with its buffers, and the batches that were read ahead."""
        restarts = self._source.batches_per_epoch is None
        queue = [item for stack in shown for item in (stack.batch(0), *([None] if stack.ends_epoch and restarts else []))]
        queue += self._queue
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
        return {"queue": [None if item is None else [list(shape) for shape in shapes_of(item)] for item in queue]}

    def restore(self, prefix: Path, facts: Mapping[str, Any]) -> None:
        self._open(skip=False)
        usual = self._source.layout.usual
        queued = facts.get("queue", ())
        variables = [
            tf.Variable(tf.zeros(shape, leaf.dtype) if leaf.dtype != tf.string else tf.fill(shape, ""))
            for shapes in queued
            if shapes is not None
            for shape, leaf in zip(shapes, tf.nest.flatten(usual), strict=True)
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
        self._queue = [None if shapes is None else tf.nest.map_structure(lambda _: next(leaves), usual) for shapes in queued]

    def _open(self, *, skip: bool = True) -> None:
        if self._iterator is None:
            self._iterator = iter(self._source.dataset)
            self._batches = self._source.batches_of(self._iterator)
            for _ in islice(self._batches, self._skipped if skip else 0):
                pass
            self._skipped = 0

    def _front(self) -> Batch | None:
        """The next batch; None where an epoch ends. A smaller last batch is dropped."""
        front = self._at(0)
        if front is None or self._source.batches_per_epoch is not None:
            return front
        sizes = zip(self._source.layout.sizes(), shapes_of(front), strict=True)
        smaller = next(((shape[0], usual) for usual, shape in sizes if usual is not None and shape[0] < usual), None)
        if smaller is None or self._at(1) is not None:
            return front
        if not self._told:
            logger.info(
                "{}: training leaves out the last batch of an epoch, of {}, not {}.",
                *(self._source.name, counted(smaller[0], "example"), smaller[1]),
            )
            self._told = True
        del self._queue[0]
        return None

    def _at(self, place: int) -> Batch | None:
        while len(self._queue) <= place:
            self._open()
            batch = next(self._batches, None)
            if batch is None and self._source.batches_per_epoch is None:
                self._iterator = None
            self._queue.append(batch)
        return self._queue[place]


def from_dataset(
    dataset: Any,
    *,
    batches_per_epoch: int | None = None,
    prepare: Callable[[Batch], Batch] = identity,
    name: str = "tf.data",
) -> DatasetBatches:
    """Batches from a batched `tf.data.Dataset`, which does its own shuffling.

    Every batch is trained on, whatever its size, but the last of an epoch if it is smaller than the dataset's first. A step is
    traced once for each size of batches. Other axes that differ from batch to batch, as in batches padded to their own length,
    are unknown in the trace, which is made only once for all of them. `prepare` is given ragged tensors where the dataset has
    them.

    Args:
        dataset: A dataset whose elements are batches; the first one defines the batch size.
        batches_per_epoch: Batches in an epoch, for a dataset that does not end (`dataset.repeat()`): it goes on from one epoch
            to the next, and the first of its batches are evaluated. By default, an epoch is one pass over the dataset.
        prepare: Applied to each batch inside the graph.
        name: The name of the data in the run's record.

    Returns:
        Batches with the structure of the dataset's elements.

    Raises:
        DataError: If it is not a dataset, is empty, or is not batched.
    """
    if not isinstance(dataset, tf.data.Dataset):
        raise DataError(
            "this is not a tf.data.Dataset.",
            where=WHERE,
            got=type(dataset).__name__,
            do="use gantape.data.from_arrays for arrays." if isinstance(dataset, np.ndarray | str) else source_for(dataset),
        )
    if batches_per_epoch is not None:
        check_size(batches_per_epoch, "gantape.data.from_dataset", "batches_per_epoch", "an epoch has at least one batch.")
    spec = dataset.element_spec
    kinds = tf.TensorSpec | tf.RaggedTensorSpec
    if not all(isinstance(leaf, kinds) and leaf.shape.rank != 0 for leaf in tf.nest.flatten(spec)):
        raise DataError(
            "the elements of the dataset are not batches.",
            where=WHERE,
            got=repr(spec),
            do="batch it with dataset.batch(batch_size), and make sparse tensors dense with tf.sparse.to_dense.",
        )
    try:
        first = next(iter(dataset.take(1)), None)
    except Exception as error:  # whatever the user's functions raise
        raise DataError(
            "the first batch of the dataset cannot be read.",
            where=WHERE,
            got=summary(error),
            do="bring all examples to one size before dataset.batch, or pad them with dataset.padded_batch; for another cause, "
            "iterate over the dataset by hand.",
        ) from None
    if first is None:
        raise DataError("the dataset is empty.", where=WHERE, got="no batch", do="check where its examples come from.")
    layout = Layout.of(spec, first)
    check_stored(store(first), layout.ragged, WHERE)
    size = shapes_of(store(first))[0][0]
    return DatasetBatches(dataset, size, layout, layout.prepare(prepare), name, batches_per_epoch)
