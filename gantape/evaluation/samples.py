"""Samples of a task and real examples, as arrays."""

from typing import Any

import numpy as np
import tensorflow as tf

from gantape.data import Batches
from gantape.errors import DataError
from gantape.noise import Noise
from gantape.tasks import AdversarialTask

SAMPLES_AT_ONCE = 500


def make_samples(task: AdversarialTask, count: int, seed: int) -> np.ndarray[Any, Any]:
    """`count` examples as the task makes them, the same ones for a seed."""
    parts = []
    for start in range(0, count, SAMPLES_AT_ONCE):
        size = min(SAMPLES_AT_ONCE, count - start)
        parts.append(np.asarray(task.sample(size, Noise(seed).stream("samples", start))))
    return np.concatenate(parts)


def real_examples(task: AdversarialTask, data: Batches, most: int | None) -> np.ndarray[Any, Any]:
    """The first examples of a data set as the task sees them, or all of them.

    Raises:
        DataError: If there is none.
    """
    parts: list[np.ndarray[Any, Any]] = []
    for stored in data.in_order():
        batch = data.prepare(tf.nest.map_structure(tf.convert_to_tensor, stored))
        parts.append(np.asarray(task.real_examples(batch)))
        if most is not None and sum(map(len, parts)) >= most:
            break
    if not parts:
        raise DataError(
            "there is no real example to compare with.",
            where="gantape.evaluation, argument `real`",
            got="no batch",
            do="check where the data comes from.",
        )
    return np.concatenate(parts)[:most]
