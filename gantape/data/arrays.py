"""Batches from arrays in memory."""

import functools
import hashlib
import itertools
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape.data.batches import Batches, BatchStack, Position, Reader, identity
from gantape.data.conversion import as_arrays, check_size, described
from gantape.errors import DataError, counted
from gantape.random.rng import derive_key
from gantape.types import Batch

Arrays = Any
"""An array, or a tuple or dict of arrays, each with the axis `examples` first."""


def shuffled(examples: int, seed: int, epoch: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The order of an epoch, a permutation of `examples` numbers: a pure function of (seed, epoch)."""
    return np.random.Generator(np.random.Philox(derive_key(seed, "order", epoch))).permutation(examples)


MOST_BYTES_GATHERED = 2**30
"""Arrays up to this size are copied to tensors, from which compiled code gathers; larger ones are copied batch by batch."""


class ShuffledBatches(Batches):
    """Batches that are reshuffled in every epoch, in an order that is a pure function of seed and epoch."""

    name: str
    batch_size: int

    @property
    @abstractmethod
    def examples(self) -> int:
        """Number of examples."""

    @property
    def batches_per_epoch(self) -> int:
        return self.examples // self.batch_size

    def rows(self, seed: int, position: Position, count: int) -> list[int]:
        first = position.batch * self.batch_size
        chosen: list[int] = shuffled(self.examples, seed, position.epoch)[first : first + count * self.batch_size].tolist()
        return chosen

    def check_fills_a_batch(self) -> None:
        """Raise a `DataError` if there are fewer examples than one batch needs."""
        if self.examples < self.batch_size:
            raise DataError(
                "there are fewer examples than one batch needs.",
                where=f"{self.name}, argument `batch_size`",
                got=f"{counted(self.examples, 'example')}, batch_size={self.batch_size}",
                do=f"choose a batch_size of at most {self.examples}.",
            )


@attrs.frozen(eq=False)
class ArrayBatches(ShuffledBatches):
    """Batches from arrays in memory, reshuffled in every epoch. Made by `gantape.data.from_arrays`."""

    arrays: Arrays = attrs.field(repr=False)
    batch_size: int
    prepare: Callable[[Batch], Batch] = attrs.field(default=identity, repr=False)
    name: str = "arrays"

    @property
    def examples(self) -> int:
        """Number of examples."""
        return len(tf.nest.flatten(self.arrays)[0])

    def open(self, seed: int, position: Position) -> Reader:
        self.check_fills_a_batch()
        return _ArrayReader(self, seed, position, self._tensors)

    @functools.cached_property
    def _tensors(self) -> Batch | None:
        """The arrays as tensors, unless they are too large to be held twice."""
        if sum(leaf.nbytes for leaf in tf.nest.flatten(self.arrays)) > MOST_BYTES_GATHERED:
            return None
        return tf.nest.map_structure(tf.convert_to_tensor, self.arrays)

    def examples_in_order(self) -> Iterator[Batch]:
        for start in range(0, self.examples, self.batch_size):
            yield self._at(slice(start, start + self.batch_size))

    def split(self, *, validation: int | float = 0, test: int | float = 0) -> "tuple[ArrayBatches, ...]":
        """Split off the last examples for validation and test, in this order.

        The parts do not overlap. Shuffle data that is sorted by class first.

        Args:
            validation: Number of examples, or a fraction below 1.
            test: Number of examples, or a fraction below 1.

        Returns:
            The training part, then each requested part.

        Raises:
            DataError: If no part is requested, or a part would be empty.
        """
        numbers = all(isinstance(size, int | float) for size in (validation, test))
        asked = [size for size in (validation, test) if size] if numbers else []
        possible = bool(asked) and all(0 < size < 1 or size in range(1, self.examples) for size in asked)
        sizes = [int(size) if size >= 1 else round(size * self.examples) for size in asked] if possible else [0]
        rest = self.examples - sum(sizes)
        if min(sizes) < 1 or rest < 1:
            raise DataError(
                "a split needs at least one example in each part.",
                where=f"{self.name}.split",
                got=f"validation={validation}, test={test}, {counted(self.examples, 'example')}",
                do="pass numbers of examples, or fractions between 0 and 1, that leave some for training.",
            )
        bounds = np.cumsum([0, rest, *sizes])
        return tuple(
            attrs.evolve(self, arrays=self._at(slice(int(start), int(stop)))) for start, stop in itertools.pairwise(bounds)
        )

    def describe(self) -> dict[str, Any]:
        leaves = tf.nest.flatten(self.arrays)
        digest = hashlib.blake2b(digest_size=16)
        for leaf in leaves:
            digest.update(f"{leaf.shape}{leaf.dtype}".encode())
            digest.update(np.ascontiguousarray(leaf).data)
        return {
            "name": self.name,
            "examples": self.examples,
            "batch_size": self.batch_size,
            "arrays": [f"{leaf.dtype}{list(leaf.shape[1:])}" for leaf in leaves],
            "checksum": f"blake2b:{digest.hexdigest()}",
        }

    def _at(self, which: Any) -> Arrays:
        return tf.nest.map_structure(lambda array: array[which], self.arrays)


@attrs.define(eq=False)
class _ArrayReader(Reader):
    source: ArrayBatches
    seed: int
    position: Position
    examples: Batch | None
    order: Any = None

    def read(self, count: int) -> BatchStack:
        source, size, position = self.source, self.source.batch_size, self.position
        if self.order is None:
            self.order = shuffled(source.examples, self.seed, position.epoch)
        stop = min(position.batch + count, source.batches_per_epoch)
        chosen = self.order[position.batch * size : stop * size].reshape(-1, size)
        batches = source._at(chosen) if self.examples is None else chosen
        self.position = position.after(stop - position.batch, source.batches_per_epoch)
        if self.position.epoch > position.epoch:
            self.order = None
        return BatchStack(batches, stop - position.batch, self.position, source.prepare, self.examples)


def from_arrays(
    arrays: Arrays, *, batch_size: int, prepare: Callable[[Batch], Batch] = identity, name: str = "arrays"
) -> ArrayBatches:
    """Batches from arrays in memory.

    Args:
        arrays: An array, or a tuple or dict of arrays, each with the axis `examples` first. Lists of numbers, tables and
            columns of pandas, and tensors of TensorFlow, PyTorch and JAX are converted, float64 to Keras' default float type.
        batch_size: Examples in a batch.
        prepare: Applied to each batch inside the graph, so that images can be stored as bytes: `gantape.data.scale_pixels`,
            for example.
        name: The name of the data in the run's record.

    Returns:
        Batches with the structure of `arrays`.

    Raises:
        DataError: If the arrays are empty, of different lengths, or cannot be made arrays of numbers or texts, or the batch
            size is not positive.
    """
    where = "gantape.data.from_arrays"
    check_size(batch_size, where)
    arrays = as_arrays(arrays, f"{where}, argument `arrays`")
    leaves = tf.nest.flatten(arrays)
    if not leaves or not all(leaf.ndim for leaf in leaves):
        raise DataError(
            "batches are made from arrays of examples.",
            where=f"{where}, argument `arrays`",
            got=described(arrays),
            do="pass arrays with the examples along the first axis.",
        )
    lengths = [len(leaf) for leaf in leaves]
    if 0 in lengths or len(set(lengths)) > 1:
        raise DataError(
            "the arrays are empty or differ in length.",
            where=f"{where}, argument `arrays`",
            got=f"lengths {lengths}",
            do="pass arrays with the examples along the first axis, in the same order.",
        )
    return ArrayBatches(arrays, batch_size, prepare, name)
