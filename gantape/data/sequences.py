"""Batches from anything with a length and an index, such as data sets of other libraries."""

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import attrs
import keras
import numpy as np
import tensorflow as tf

from gantape.data.batches import identity
from gantape.data.conversion import as_arrays, call_for_data, source_for
from gantape.data.indexed import Examples, IndexedBatches, Rows
from gantape.errors import DataError, DataNotFoundError, summary
from gantape.types import Batch

WHERE = "gantape.data.from_sequence"


class Sequence(Protocol):
    """Anything with a length that returns examples by index."""

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
            examples = [self.example(int(row)) for row in rows[first : first + batch_size]]
            yield tf.nest.map_structure(lambda *leaves: np.stack(leaves), *examples)

    def describe(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"arrays": [f"{leaf.dtype}{list(leaf.shape)}" for leaf in tf.nest.flatten(self._usual)]}
        # Only Hugging Face's data sets have one.
        fingerprint = getattr(self.sequence, "_fingerprint", None)
        return facts if fingerprint is None else facts | {"fingerprint": str(fingerprint)}

    def example(self, row: int) -> Batch:
        """An example as arrays.

        Raises:
            DataError: If it cannot be read, or does not have the structure, shapes and types of the first.
        """
        arrays, usual = self._read(row), self._usual
        if _layout(arrays) != _layout(usual):
            raise DataError(
                "an example does not have the structure, shapes and types of the first.",
                where=f"{WHERE}, row {row}",
                got=f"{_layout(arrays)}, where row 0 has {_layout(usual)}",
                do="let `read` bring all examples to one structure, one shape and one dtype.",
            )
        return arrays

    @functools.cached_property
    def _usual(self) -> Batch:
        return self._read(0)

    def _read(self, row: int) -> Batch:
        where = f"{WHERE}, row {row}"
        advice = f"look at sequence[{row}] and at what `read` does with it; leave the row out if it is broken."
        return as_arrays(call_for_data(lambda: self.read(self.sequence[row]), where=where, do=advice), where)


def _layout(example: Batch) -> str:
    """Structure, types and shapes of an example, as text."""
    return str(tf.nest.map_structure(lambda leaf: f"{tf.as_dtype(leaf.dtype).name}{list(leaf.shape)}", example)).replace(
        "'", ""
    )


def from_sequence(
    sequence: Sequence,
    *,
    batch_size: int,
    read: Callable[[Any], Batch] = identity,
    prepare: Callable[[Batch], Batch] = identity,
    name: str = "sequence",
) -> IndexedBatches:
    """Batches from a sequence, whose examples are read when they are needed.

    Args:
        sequence: An object with `len(sequence)` and `sequence[row]`: a Hugging Face data set, a data source of TensorFlow
            Datasets, a memory map.
        batch_size: Examples in a batch.
        read: Turns an example into an array, or a tuple or dict of arrays, of the same shape and type for all examples. A list
            of numbers is an array. It runs in Python, outside compiled code.
        prepare: Applied to each batch inside the graph.
        name: The name of the data in the run's record.

    Returns:
        Batches with the structure that `read` returns.

    Raises:
        DataError: If it is not such a sequence, or is empty, or its first example cannot be read.
    """
    where = f"{WHERE}, argument `sequence`"
    if isinstance(sequence, keras.utils.PyDataset):
        raise DataError(
            "the items of a PyDataset are batches, not examples.",
            where=where,
            got=f"a {type(sequence).__name__}",
            do=source_for(sequence),
        )
    if not hasattr(sequence, "__len__") or not hasattr(sequence, "__getitem__") or not len(sequence):
        raise DataError(
            "this is not a sequence of examples, or it is empty.",
            where=where,
            got=f"a {type(sequence).__name__}" + (" of length 0" if hasattr(sequence, "__len__") else ""),
            do="pass a data set that is not streamed; use gantape.data.from_dataset for a tf.data.Dataset.",
        )
    source = SequenceExamples(sequence, read)
    source.example(0)
    return IndexedBatches(source, batch_size, prepare, name)


def from_hugging_face(
    path: str,
    *,
    split: str,
    batch_size: int,
    read: Callable[[Any], Batch],
    prepare: Callable[[Batch], Batch] = identity,
) -> IndexedBatches:
    """Batches of a data set from the Hugging Face Hub, which the library `datasets` downloads and caches.

    Args:
        path: Its name on the Hub, or a folder, as for `datasets.load_dataset`.
        split: The split, such as "train".
        batch_size: Examples in a batch.
        read: Turns an example, a dict, into arrays, as in `lambda example: numpy.asarray(example["image"])`.
        prepare: Applied to each batch inside the graph.

    Raises:
        DataNotFoundError: If the library is not installed, or cannot load the data.
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
    """Batches of a data set from TensorFlow Datasets, whose library downloads and caches it.

    Args:
        name: Its name, as for `tensorflow_datasets.data_source`.
        split: The split, such as "train".
        batch_size: Examples in a batch.
        read: Turns an example, a dict of arrays, into arrays, as in `lambda example: example["image"]`.
        prepare: Applied to each batch inside the graph.

    Raises:
        DataNotFoundError: If the library is not installed, or cannot load the data.
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
    except Exception as error:  # each library raises its own
        raise DataNotFoundError(
            "this data set cannot be loaded.",
            where=where,
            got=summary(error),
            do="check its name and splits, and whether it needs a network, with the library itself.",
        ) from error
