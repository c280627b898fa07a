"""Leaves an update out that is not finite."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from gantape.distribute.replicas import run_per_replica
from gantape.types import Tensor, Variable


class Guard:
    """Remembers variables before an update, and puts them back if it was not finite: no trace of it is left.

    Old and new values are selected, with no branch around the optimizer, which could not be distributed.

    Args:
        variables: Everything that the update may change.
    """

    def __init__(self, variables: Sequence[Variable]) -> None:
        self._variables = tuple(variables)
        # Each replica remembers its own: what a pool of images holds, or how dropout's seed stands, may differ.
        self._before = run_per_replica(lambda: [tf.identity(variable.value) for variable in self._variables])

    def settle(self, gradients: Sequence[Tensor], values: Mapping[str, Tensor], forgiving: Any = True) -> dict[str, Any]:
        """Keep the update if its gradients and values are finite, or nothing is forgiven; else undo it.

        Args:
            gradients: The gradient of each variable.
            values: The scalars that the update reports, its loss among them.
            forgiving: Whether an update that is not finite is undone.

        Returns:
            These scalars, zeros if the update is left out, and `skipped`: 1 if it is, else 0.
        """
        numbers = [tf.convert_to_tensor(number) for number in (*gradients, *values.values())]
        sound = tf.reduce_all([tf.reduce_all(tf.math.is_finite(number)) for number in numbers])
        sound = tf.logical_or(sound, tf.logical_not(forgiving))
        run_per_replica(self._put_back, sound, self._before)
        kept = {name: tf.where(sound, value, tf.zeros_like(value)) for name, value in values.items()}
        return kept | {"skipped": tf.where(sound, 0.0, 1.0)}

    def _put_back(self, sound: Tensor, before: Sequence[Tensor]) -> None:
        for variable, value in zip(self._variables, before, strict=True):
            variable.assign(tf.where(sound, variable.value, value))
