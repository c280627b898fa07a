"""How batches of a source are stored, and in which axes they differ."""

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape._tensorflow import with_autograph
from gantape.data.conversion import check_batch_axis
from gantape.errors import DataError
from gantape.types import Batch


@attrs.frozen(eq=False)
class Layout:
    """The structure of batches, and the axes in which they differ. Ragged tensors are stored as lengths of rows and values.

    Args:
        ragged: The structure of a batch, with the number of ragged axes for each leaf, 0 for a dense tensor.
        usual: The structure of a stored batch, with a `tf.TensorSpec` for each leaf; axes that differ from batch to batch are
            unknown. The axis of examples counts as known: each of its sizes has a trace of its own.
    """

    ragged: Any
    usual: Any

    @classmethod
    def of(cls, spec: Any, first: Batch) -> "Layout":
        """The layout of batches with such a structure of specs; the first batch has what the specs leave open."""
        ragged = tf.nest.map_structure(lambda leaf: getattr(leaf, "ragged_rank", 0), spec)
        stored = store(first)
        leaves, found = iter(tf.nest.flatten(stored)), []
        for leaf, axes in zip(tf.nest.flatten(spec), tf.nest.flatten(ragged), strict=True):
            parts = [next(leaves) for _ in range(axes + 1)]
            inner = parts[-1].shape[1:] if leaf.shape.rank is None else leaf.shape[axes + 1 :]
            shapes = [[len(parts[0])], *[[None]] * (axes - 1), [None, *inner]] if axes else [[len(parts[0]), *inner]]
            found += [tf.TensorSpec(shape, part.dtype) for shape, part in zip(shapes, parts, strict=True)]
        return cls(ragged, tf.nest.pack_sequence_as(stored, found))

    def spec(self, stored: Batch) -> Any:
        """What a step is traced for with a stored batch."""
        return tf.nest.map_structure(_traced, self.usual, stored)

    def sizes(self) -> list[int | None]:
        """The number of examples in each array of the first batch; `None` for the values of ragged tensors."""
        return [leaf.shape[0] for leaf in tf.nest.flatten(self.usual)]

    def prepare(self, prepare: Callable[[Batch], Batch]) -> Callable[[Batch], Batch]:
        """A `prepare` for stored batches."""
        return _WithRagged(self.ragged, prepare) if any(tf.nest.flatten(self.ragged)) else prepare


def store(batch: Batch) -> Batch:
    """A batch of tensors as arrays; ragged tensors as a tuple of the lengths of their rows, outer rows first, and values."""
    return tf.nest.map_structure(_components, batch)


def _components(leaf: Any) -> Any:
    if not isinstance(leaf, tf.RaggedTensor):
        return leaf if isinstance(leaf, np.ndarray) else leaf.numpy()
    return tuple(part.numpy() for part in (*leaf.nested_row_lengths(), leaf.flat_values))


def _traced(usual: Any, leaf: Any) -> Any:
    """The shape of an array, unknown where it is not the usual one; the axis of examples is known."""
    first, *others = usual.shape
    axes = [size if size == known else None for size, known in zip(leaf.shape[1:], others, strict=True)]
    return tf.TensorSpec([None if first is None else leaf.shape[0], *axes], usual.dtype)


@attrs.frozen(eq=False)
class _WithRagged:
    """Makes ragged tensors of their stored parts, and prepares the batch."""

    ragged: Any
    then: Callable[[Batch], Batch]

    def __call__(self, stored: Batch) -> Batch:
        if tf.distribute.has_strategy():
            raise DataError(
                "ragged batches cannot be cut into parts for several devices.",
                where="the data that a step reads",
                got="a ragged tensor",
                do="pad it in the dataset: dataset.map(lambda tokens, target: (tokens.to_tensor(), target)).",
            )
        leaves, found = iter(tf.nest.flatten(stored)), []
        for axes in tf.nest.flatten(self.ragged):
            parts = [next(leaves) for _ in range(axes + 1)]
            found.append(tf.RaggedTensor.from_nested_row_lengths(parts[-1], parts[:-1]) if axes else parts[0])
        return with_autograph(self.then)(tf.nest.pack_sequence_as(self.ragged, found))


def check_stored(stored: Batch, ragged: Any, where: str) -> None:
    """Raise a `DataError` unless each set in a stored batch has one number of examples.

    A batch with a tuple or dict in it, such as `((images, labels), unlabelled)` of `tf.data.Dataset.zip`, holds several sets,
    whose batches may differ in size.
    """
    leaves, firsts = tf.nest.flatten(stored), []
    for axes in tf.nest.flatten(ragged):
        firsts.append(leaves[0])
        leaves = leaves[axes + 1 :]
    packed = tf.nest.pack_sequence_as(ragged, firsts)
    parts = list(packed.values()) if isinstance(packed, dict) else packed
    nested = isinstance(parts, tuple | list) and any(isinstance(part, tuple | dict) for part in parts)
    for part in parts if nested else [packed]:
        check_batch_axis(part, where)
