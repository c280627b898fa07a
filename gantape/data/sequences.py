"""Batches from whatever has a length and gives examples by number: data sets of other libraries above all."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import attrs
import numpy as np
import tensorflow as tf

from gantape.data.batches import identity
from gantape.data.indexed import Examples, IndexedBatches, Rows
from gantape.errors import DataError, DataNotFoundError, summary
from gantape.types import Batch


class Sequence(Protocol):
    """Anything with a length that gives examples by their numbers."""

    def __len__(self) -> int: ...
    def __getitem__(self, row: Any, /) -> Any: ...


@attrs.frozen(eq=False)
class SequenceExamples(Examples):
    """Examples of a sequence."""

    sequence: Any = attrs.field(repr=False)
    read: Callable[[Any], Batch] = attrs.field(repr=False)

    @property
    def count(self) -> int:
        return len(self.sequence)

    def batches(self, rows: Rows, batch_size: int) -> Iterator[Batch]:
        for first in range(0, len(rows), batch_size):
            examples = [self._example(int(row)) for row in rows[first : first + batch_size]]
            try:
                yield tf.nest.map_structure(lambda *leaves: np.stack(leaves), *examples)
            except (ValueError, TypeError) as error:
                raise DataError(
                    "the examples of a batch do not have one shape.",
                    where="gantape.data.from_sequence, argument `read`",
                    got=summary(error),
                    do="let `read` bring them to one structure, one shape and one type.",
                ) from None

    def describe(self) -> dict[str, Any]:
        first = tf.nest.flatten(self._example(0))
        facts: dict[str, Any] = {"arrays": [f"{leaf.dtype}{list(leaf.shape)}" for leaf in first]}
        # Hugging Face's data sets have one; that of others is not known.
        fingerprint = getattr(self.sequence, "_fingerprint", None)
        return facts if fingerprint is None else facts | {"fingerprint": str(fingerprint)}

    def _example(self, row: int) -> Batch:
        return tf.nest.map_structure(np.asarray, self.read(self.sequence[row]))


def from_sequence(
    sequence: Sequence,
    *,
    batch_size: int,
    read: Callable[[Any], Batch] = identity,
    prepare: Callable[[Batch], Batch] = identity,
    name: str = "sequence",
) -> IndexedBatches:
    """Batches from a sequence, of which an example is read when it is its turn.

    Args:
        sequence: Has `len(sequence)`, and `sequence[row]` gives an example: a data set of Hugging Face, a data source of
            TensorFlow Datasets, a memory map.
        batch_size: Examples in a batch.
        read: Turns an example into an array, or a tuple or dict of arrays, of one shape for all. It runs in Python, outside of
            compiled code.
        prepare: Applied to each batch inside the graph.
        name: What the data is called in the record of a run.

    Returns:
        Batches with the structure of what `read` gives.

    Raises:
        DataError: If it is no such sequence, or is empty.
    """
    if not hasattr(sequence, "__len__") or not hasattr(sequence, "__getitem__") or not len(sequence):
        raise DataError(
            "a sequence has a length, which is not zero, and gives examples by number.",
            where="gantape.data.from_sequence, argument `sequence`",
            got=f"a {type(sequence).__name__}" + (" of none" if hasattr(sequence, "__len__") else ""),
            do="give a data set that is not streamed; use gantape.data.from_dataset for a tf.data.Dataset.",
        )
    return IndexedBatches(SequenceExamples(sequence, read), batch_size, prepare, name)


def from_hugging_face(
    path: str,
    *,
    split: str,
    batch_size: int,
    read: Callable[[Any], Batch],
    prepare: Callable[[Batch], Batch] = identity,
) -> IndexedBatches:
    """Batches of a data set of the Hugging Face Hub, by the library `datasets`, which downloads and keeps it.

    Args:
        path: Its name on the Hub, or a folder, as `datasets.load_dataset` takes it.
        split: "train", say.
        batch_size: Examples in a batch.
        read: Turns an example, a dict, into arrays, as in `lambda example: numpy.asarray(example["image"])`.
        prepare: Applied to each batch inside the graph.

    Raises:
        DataNotFoundError: If the library is not installed, or has no such data.
    """
    library, where = _library("datasets", "huggingface"), f"gantape.data.from_hugging_face, {path}, split {split}"
    found = _loaded(lambda: library.load_dataset(path, split=split), where)
    return from_sequence(found, batch_size=batch_size, read=read, prepare=prepare, name=f"huggingface {path} {split}")


def from_tfds(
    name: str,
    *,
    split: str,
    batch_size: int,
    read: Callable[[Any], Batch],
    prepare: Callable[[Batch], Batch] = identity,
) -> IndexedBatches:
    """Batches of a data set of TensorFlow Datasets, by its own library, which downloads and keeps it.

    Args:
        name: Its name, as `tensorflow_datasets.data_source` takes it.
        split: "train", say.
        batch_size: Examples in a batch.
        read: Turns an example, a dict of arrays, into arrays, as in `lambda example: example["image"]`.
        prepare: Applied to each batch inside the graph.

    Raises:
        DataNotFoundError: If the library is not installed, or has no such data.
    """
    library, where = _library("tensorflow_datasets", "tfds"), f"gantape.data.from_tfds, {name}, split {split}"
    found = _loaded(lambda: library.data_source(name, split=split), where)
    return from_sequence(found, batch_size=batch_size, read=read, prepare=prepare, name=f"tfds {name} {split}")


def _library(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataNotFoundError(
            f"the library {name} is not installed.",
            where=f"gantape.data, the extra `{extra}`",
            got=str(error),
            do=f"pip install 'gantape[{extra}]'.",
        ) from None


def _loaded(load: Callable[[], Any], where: str) -> Any:
    try:
        return load()
    except Exception as error:  # each library has its own
        raise DataNotFoundError(
            "this data set cannot be loaded.",
            where=where,
            got=summary(error),
            do="look up its name, its splits and whether it needs a network with the library itself.",
        ) from error
