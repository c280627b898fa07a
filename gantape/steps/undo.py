"""Skipping of updates that are not finite."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from gantape.distribute.replicas import run_per_replica
from gantape.types import Tensor, Variable

SKIPPED = "skipped"
"""The scalar that counts skipped updates, behind the name of the update where there are several."""


def means_of_kept(sums: Mapping[str, float], steps: Mapping[str, int]) -> dict[str, float]:
    """The means of reported scalars: `x/skipped` is a share of steps, the means of `x/...` are over steps that were kept.

    Args:
        sums: The sum of each scalar; those of a skipped update are zero.
        steps: In how many steps each was reported.
    """
    means = {}
    for name, value in sums.items():
        prefix, slash, _ = name.rpartition("/")
        skipped = prefix + slash + SKIPPED
        count = steps[name] - (sums.get(skipped, 0.0) if name != skipped else 0.0)
        if count > 0.0:
            means[name] = value / count
    return means


class Guard:
    """Saves variables before an update, and restores them if the update was not finite.

    It selects old or new values: a branch around the optimizer could not be distributed.

    Args:
        variables: All variables that the update may change.
    """

    def __init__(self, variables: Sequence[Variable]) -> None:
        self._variables = tuple({id(variable): variable for variable in variables}.values())
        # Each replica saves its own: a pool of images or the seed of dropout may differ between replicas.
        self._before = run_per_replica(lambda: [tf.identity(variable.value) for variable in self._variables])

    def settle(self, gradients: Sequence[Tensor], values: Mapping[str, Tensor], undo_allowed: Any = True) -> dict[str, Any]:
        """Undo the update if its gradients or values are not finite.

        Args:
            gradients: The gradient of each variable.
            values: The scalars that the update reports, its loss among them.
            undo_allowed: Whether an update that is not finite is undone; a boolean or a scalar.

        Returns:
            The scalars, or zeros if the update was undone, and `skipped`: 1 if it was undone, else 0.
        """
        numbers = [tf.convert_to_tensor(number) for number in (*gradients, *values.values())]
        keep = tf.reduce_all([tf.reduce_all(tf.math.is_finite(number)) for number in numbers])
        keep = tf.logical_or(keep, tf.logical_not(undo_allowed))
        run_per_replica(self._put_back, keep, self._before)
        kept = {name: tf.where(keep, value, tf.zeros_like(value)) for name, value in values.items()}
        return kept | {SKIPPED: tf.where(keep, 0.0, 1.0)}

    def _put_back(self, keep: Tensor, before: Sequence[Tensor]) -> None:
        for variable, value in zip(self._variables, before, strict=True):
            variable.assign(tf.where(keep, variable.value, value))
