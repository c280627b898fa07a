"""Two sets of examples without pairs, of any two sizes and in batches of any two sizes."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import tensorflow as tf

from gantape._tensorflow import with_autograph
from gantape.data.batches import Batches, BatchStack, Position, Reader
from gantape.data.conversion import shapes_of
from gantape.errors import DataError
from gantape.random.rng import derive_key
from gantape.types import Batch


@attrs.frozen(eq=False)
class UnpairedBatches(Batches):
    """Batches of two sets of examples, each in an order of its own. Made by `gantape.data.unpaired_sets`."""

    first: Batches
    second: Batches

    @property
    def batch_size(self) -> int:
        return self.first.batch_size

    @property
    def batches_per_epoch(self) -> int:
        return max(_length(self.first), _length(self.second))

    @property
    def prepare(self) -> Callable[[Batch], Batch]:
        return _PrepareBoth(self.first.prepare, self.second.prepare)

    def open(self, seed: int, position: Position) -> Reader:
        return _UnpairedReader(self, seed, position)

    def check_resumable(self) -> None:
        self.first.check_resumable()
        self.second.check_resumable()

    def examples_in_order(self) -> Iterator[Batch]:
        for one, other in zip(self.first.examples_in_order(), self.second.examples_in_order(), strict=False):
            if self.first.batch_size != self.second.batch_size:
                yield one, other
                continue
            size = min(len(tf.nest.flatten(part)[0]) for part in (one, other))
            yield tf.nest.map_structure(lambda leaf, size=size: leaf[:size], (one, other))

    def describe(self) -> dict[str, Any]:
        sets = [self.first.describe(), self.second.describe()]
        return {"name": " and ".join(str(found["name"]) for found in sets), "batch_size": self.batch_size, "sets": sets}


@attrs.frozen
class _PrepareBoth:
    first: Callable[[Batch], Batch]
    second: Callable[[Batch], Batch]

    def __call__(self, batch: Batch) -> Batch:
        one, other = batch
        return with_autograph(self.first)(one), with_autograph(self.second)(other)


class _UnpairedReader(Reader):
    def __init__(self, source: UnpairedBatches, seed: int, position: Position) -> None:
        self._length = source.batches_per_epoch
        self._prepare = source.prepare
        self._position = position
        done = position.epoch * self._length + position.batch
        self._readers = [
            data.open(derive_key(seed, "unpaired", name), Position(*divmod(done, _length(data))))
            for name, data in (("first", source.first), ("second", source.second))
        ]
        self._ahead: list[Batch] = []

    def read(self, count: int) -> BatchStack:
        position = self._position
        pairs: list[Batch] = []
        while len(pairs) < min(count, self._length - position.batch):
            pair = self._ahead.pop() if self._ahead else tuple(reader.read(1).batch(0) for reader in self._readers)
            if pairs and shapes_of(pair) != shapes_of(pairs[0]):
                self._ahead.append(pair)
                break
            pairs.append(pair)
        self._position = position.after(len(pairs), self._length)
        return BatchStack.of(pairs, self._position, self._prepare)


def unpaired_sets(first: Batches, second: Batches) -> UnpairedBatches:
    """Batches `(one, other)` of two sets of examples that are not paired: for translation, or labelled and unlabelled examples.

    Each set is shuffled on its own. An epoch is a pass over the set with more batches; the other one begins anew when it ends,
    in another order. Evaluation takes both in stored order, until one ends. Sets and batches may differ in size: the batch size
    in records is that of the first set, which also weights the batches of an evaluation.

    Args:
        first: Batches of the first set, of a known number: from arrays, a folder or a sequence, for example.
        second: Batches of the second set.

    Raises:
        DataError: If a number of batches is not known.
    """
    if not all(isinstance(data, Batches) and data.batches_per_epoch and not data.online for data in (first, second)):
        raise DataError(
            "two sets need a known number of batches.",
            where="gantape.data.unpaired_sets",
            got="; ".join(_told(data) for data in (first, second)),
            do="make both by gantape.data.from_arrays, image_folder or from_sequence, or from_dataset with batches_per_epoch=.",
        )
    return UnpairedBatches(first, second)


def _length(data: Batches) -> int:
    return data.batches_per_epoch or 0


def _told(data: Any) -> str:
    name = type(data).__name__
    return f"{name}, batch_size={data.batch_size}, {data.batches_per_epoch} batches" if isinstance(data, Batches) else name
