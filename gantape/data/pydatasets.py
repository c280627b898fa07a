"""Batches from a `keras.utils.PyDataset`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape.data.arrays import shuffled
from gantape.data.batches import Batches, BatchStack, Position, Reader, identity
from gantape.data.conversion import as_arrays, call_for_data, check_batch_axis, described, shapes_of, source_for
from gantape.data.layout import Layout
from gantape.errors import DataError
from gantape.types import Batch

WHERE = "gantape.data.from_pydataset"


@attrs.define(eq=False)
class PyDatasetBatches(Batches):
    """Batches from a `keras.utils.PyDataset`. Made by `gantape.data.from_pydataset`."""

    dataset: Any = attrs.field(repr=False)
    batch_size: int
    layout: Layout = attrs.field(repr=False)
    shuffle: bool = True
    prepare: Callable[[Batch], Batch] = attrs.field(default=identity, repr=False)
    name: str = "PyDataset"
    _epoch: int = attrs.field(default=0, init=False, repr=False)

    @property
    def batches_per_epoch(self) -> int | None:
        number: int | None = self.dataset.num_batches
        return number

    @property
    def endless(self) -> bool:
        return self.batches_per_epoch is None

    def open(self, seed: int, position: Position) -> Reader:
        while self._epoch < position.epoch:
            self.begin_epoch()
            self.end_epoch()
        return _PyDatasetReader(self, seed, position)

    def examples_in_order(self) -> Iterator[Batch]:
        return (self.batch(index) for index in range(self.batches_per_epoch or 0))

    def describe(self) -> dict[str, Any]:
        arrays = [f"{leaf.dtype.name}{list(leaf.shape[1:])}" for leaf in tf.nest.flatten(self.layout.usual)]
        facts = {"name": self.name, "batch_size": self.batch_size, "batches": self.batches_per_epoch}
        return {**facts, "arrays": arrays, "shuffle": self.shuffle}

    def batch(self, index: int) -> Batch:
        """A batch of the dataset.

        Raises:
            DataError: If it cannot be read, or is not like the first.
        """
        batch = _read(self.dataset, index)
        _check_alike(batch, self.layout.usual, index)
        return batch

    def begin_epoch(self) -> None:
        """Tell the dataset that an epoch begins."""
        _call(self.dataset, "on_epoch_begin")

    def end_epoch(self) -> None:
        """Tell the dataset that an epoch ends."""
        _call(self.dataset, "on_epoch_end")
        self._epoch += 1


@attrs.define(eq=False)
class _PyDatasetReader(Reader):
    source: PyDatasetBatches
    seed: int
    position: Position
    begun: bool = False

    def read(self, count: int) -> BatchStack:
        source, position = self.source, self.position
        if not self.begun:
            source.begin_epoch()
            self.begun = True
        length = source.batches_per_epoch
        order = shuffled(length, self.seed, position.epoch) if source.shuffle and length is not None else None
        found: list[Batch] = []
        done = position.batch
        while len(found) < count and (length is None or done < length):
            batch = source.batch(done if order is None else int(order[done]))
            if found and shapes_of(batch) != shapes_of(found[0]):
                break
            found.append(batch)
            done += 1
        self.position = position.after(len(found), length)
        if done == length:
            source.end_epoch()
            self.begun = False
        return BatchStack.of(found, self.position, source.prepare, source.layout.spec(found[0]))


def from_pydataset(
    dataset: Any, *, shuffle: bool = True, prepare: Callable[[Batch], Batch] = identity, name: str = "PyDataset"
) -> PyDatasetBatches:
    """Batches from a `keras.utils.PyDataset`, which are read by index when they are needed.

    As in `fit`, every batch is trained on, whatever its size, batches are shuffled as wholes, and `on_epoch_end` is called at
    the end of each epoch. The order is a pure function of (seed, epoch). A resumed run calls `on_epoch_end` once for each
    earlier epoch, and then continues at its batch: it is exact if what `on_epoch_end` does depends on nothing else. Give each
    run a dataset of its own. Batches are read in this process: `workers` and `use_multiprocessing` are not used.

    Args:
        dataset: The dataset, whose items are batches. Its first two are read to see in which axes batches differ.
        shuffle: Whether to shuffle the order of the batches in every epoch.
        prepare: Applied to each batch inside the graph.
        name: The name of the data in the run's record.

    Returns:
        Batches with the structure of the dataset's items.

    Raises:
        DataError: If it is not a `PyDataset`, is empty, or its batches cannot be read.
    """
    where = f"{WHERE}, argument `dataset`"
    if not isinstance(dataset, keras.utils.PyDataset):
        raise DataError("this is not a PyDataset.", where=where, got=type(dataset).__name__, do=source_for(dataset))
    number = call_for_data(lambda: dataset.num_batches, where=where, do="define __len__, the number of batches.")
    if number == 0:
        raise DataError("the dataset is empty.", where=where, got="0 batches", do="check its __len__.")
    batches = [_read(dataset, index) for index in range(2 if number is None else min(2, number))]
    _check_alike(batches[-1], batches[0], 1)
    layout = Layout.of(tf.nest.map_structure(lambda *leaves: _common(leaves), *batches), batches[0])
    return PyDatasetBatches(dataset, shapes_of(batches[0])[0][0], layout, shuffle, prepare, name)


def _read(dataset: Any, index: int) -> Batch:
    where = f"{WHERE}, batch {index}"
    found = call_for_data(lambda: dataset[index], where=where, do=f"look at dataset[{index}] by hand.")
    batch = as_arrays(_without_lists(found), where)
    check_batch_axis(batch, where)
    return batch


def _call(dataset: Any, method: str) -> None:
    call_for_data(getattr(dataset, method, lambda: None), where=f"{WHERE}, {method}", do="look at the cause, in your code.")


def _without_lists(value: Any) -> Any:
    """A batch in which lists of arrays, which Keras takes for several inputs, are tuples."""
    if isinstance(value, Mapping):
        return {name: _without_lists(part) for name, part in value.items()}
    is_structure = isinstance(value, list) and any(getattr(part, "shape", ()) for part in value)
    return tuple(_without_lists(part) for part in value) if is_structure or isinstance(value, tuple) else value


def _check_alike(batch: Batch, first: Batch, index: int) -> None:
    """Raise a `DataError` unless a batch has the structure, the types and the numbers of axes of the first."""
    kinds = [
        tf.nest.map_structure(lambda leaf: f"{tf.as_dtype(leaf.dtype).name} {len(leaf.shape)}", part) for part in (batch, first)
    ]
    if kinds[0] != kinds[1]:
        raise DataError(
            "a batch does not have the structure, the types and the axes of the first.",
            where=f"{WHERE}, batch {index}",
            got=f"{described(batch)}, where the first has {described(first)}",
            do="let __getitem__ return one structure and one dtype.",
        )


def _common(leaves: Any) -> Any:
    first, last = leaves[0], leaves[-1]
    axes = [size if size == other else None for size, other in zip(first.shape, last.shape, strict=True)]
    return tf.TensorSpec(axes, first.dtype)
