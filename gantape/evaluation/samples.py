"""Samples of a task and real examples, as arrays."""

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape.data import Batches, Position
from gantape.data.arrays import ShuffledBatches
from gantape.errors import DataError
from gantape.random.rng import RandomStreams
from gantape.tasks import AdversarialTask
from gantape.types import Batch

SAMPLES_AT_ONCE = 500


def make_samples(task: AdversarialTask, count: int, seed: int) -> np.ndarray[Any, Any]:
    """`count` examples that the task generates, a function of the seed; the conditioning is random."""
    return np.concatenate([np.asarray(task.sample(size, rng)) for size, rng in _parts(count, seed)])


def drawn_labels(task: AdversarialTask, count: int, seed: int) -> np.ndarray[Any, Any]:
    """The labels of the samples that `make_samples` makes with the same count and seed, shape `count`.

    Args:
        task: A task whose condition is `ClassLabels`.
        count: Number of samples.
        seed: Their seed.
    """
    return np.concatenate([np.asarray(task.condition.sample(size, None, rng)) for size, rng in _parts(count, seed)])


def first_examples(data: Batches, most: int | None = None) -> Batch:
    """The first examples of a data set, or all of them, as one prepared batch of arrays.

    Raises:
        DataError: If there are none.
    """
    parts: list[Batch] = []
    seen = 0
    for stored in data.examples_in_order():
        parts.append(_prepared(data, stored))
        seen += len(tf.nest.flatten(stored)[0])
        if most is not None and seen >= most:
            break
    if not parts:
        raise DataError(
            "there are no real examples to compare with.",
            where="gantape.evaluation, argument `real`",
            got="no batch",
            do="check where the data comes from.",
        )
    return tf.nest.map_structure(lambda *leaves: np.concatenate(leaves)[:most], *parts)


def some_examples(data: Batches, most: int, seed: int) -> Batch:
    """Random examples of a data set, or the first ones if it cannot be read in any order, as one prepared batch of arrays."""
    if not isinstance(data, ShuffledBatches):
        return first_examples(data, most)
    source: Any = data
    whole = attrs.evolve(source, batch_size=min(most, data.examples))
    return _prepared(data, whole.open(seed, Position()).read(1).batch(0))


def real_examples(task: AdversarialTask, data: Batches, most: int | None) -> np.ndarray[Any, Any]:
    """The first examples of a data set as the task sees them, or all of them.

    Raises:
        DataError: If there are none.
    """
    return np.asarray(task.real_examples(first_examples(data, most)))


def _prepared(data: Batches, stored: Batch) -> Batch:
    batch = data.prepare(tf.nest.map_structure(tf.convert_to_tensor, stored))
    return tf.nest.map_structure(np.asarray, batch)


def _parts(count: int, seed: int) -> Iterator[tuple[int, RandomStreams]]:
    for start in range(0, count, SAMPLES_AT_ONCE):
        yield min(SAMPLES_AT_ONCE, count - start), RandomStreams(seed).stream("samples", start)
