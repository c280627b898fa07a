"""Accumulation and clipping of gradients."""

from collections.abc import Sequence

import attrs
import tensorflow as tf

from gantape.errors import HyperparameterError
from gantape.types import Tensor, Variable


@attrs.frozen
class GradientOptions:
    """How the gradients of an update are accumulated and clipped before they are applied.

    Gradients are averaged over `accumulate` batches, then clipped by value, then by norm; weights are clipped after the update.

    Args:
        accumulate: The number of batches, each with random numbers of its own, whose gradients are averaged for one update.
            For a loss that is a mean over examples, this is the gradient of one large batch, in the memory of a small one.
        clip_value: Clip each entry of the gradients to ± this value.
        clip_norm: Scale the gradients down if their global norm is larger than this.
        clip_weights: Clip the variables to ± this value after the update, as for the critic of a Wasserstein GAN.
        skip_nonfinite: Skip the update if the loss or a gradient is infinite or not a number, instead of ending the run.
            The history has the fraction of updates that were skipped, as `skipped`; means are over the others.

    Raises:
        HyperparameterError: If a number is not positive.

    References:
        Pascanu et al. 2013, arXiv 1211.5063 (norm); Arjovsky et al. 2017, arXiv 1701.07875, algorithm 1 (weights).
    """

    accumulate: int = 1
    clip_value: float | None = None
    clip_norm: float | None = None
    clip_weights: float | None = None
    skip_nonfinite: bool = False

    def __attrs_post_init__(self) -> None:
        for name in ("accumulate", "clip_value", "clip_norm", "clip_weights"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (value > 0 and (whole or name != "accumulate")):
                raise HyperparameterError(
                    "options for gradients are positive, and `accumulate` is whole.",
                    where=f"gantape.GradientOptions, argument `{name}`",
                    got=repr(value),
                    do="give a number above zero, or leave it out.",
                )

    def clip(self, gradients: list[Tensor]) -> list[Tensor]:
        """The clipped gradients."""
        if self.clip_value is not None:
            gradients = [tf.clip_by_value(gradient, -self.clip_value, self.clip_value) for gradient in gradients]
        if self.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        return gradients

    def limit(self, variables: Sequence[Variable]) -> None:
        """Clip the weights, if they are to be clipped."""
        if self.clip_weights is not None:
            for variable in variables:
                variable.assign(tf.clip_by_value(variable.value, -self.clip_weights, self.clip_weights))
