"""How gradients become a move of weights, and the average that follows them. Follows `metrics`, stands before `update`."""

from collections.abc import Sequence

import attrs
import tensorflow as tf

from gantape.errors import HyperparameterError
from gantape.types import Model, Tensor, Variable


@attrs.frozen(eq=False)
class MovingAverage:
    """A copy of a model whose weights follow it slowly: θ̄ ← β θ̄ + (1-β) θ, batch-norm statistics too.

    In the first steps β is at most (1 + step) / (10 + step), so that the average does not remember the initial weights.

    Args:
        model: The model that is trained.
        copy: A model with the same variables, which the average is kept in.
        decay: β, for each update.
        half_life: Examples after which half of what the average holds is forgotten, β = 2^(-batch size / half-life): the same
            average at every batch size. If it is above zero, it stands in place of `decay`.

    References:
        Karras et al. 2018, arXiv 1710.10196, section 4.2 of the appendix on the generator's average; the half-life is how
        Karras et al. 2020, arXiv 1912.04958, give it in their code.
    """

    model: Model
    copy: Model
    decay: float = 0.999
    half_life: float = 0.0

    def follow(self, step: Tensor, examples: int = 1) -> None:
        """Move the copy towards the model, after an update that has seen so many examples."""
        decay = 0.5 ** (examples / self.half_life) if self.half_life else self.decay
        done = tf.cast(step, tf.float32)
        share = 1.0 - tf.minimum(decay, (1.0 + done) / (10.0 + done))
        for average, current in zip(self.copy.variables, self.model.variables, strict=True):
            if "float" in str(average.value.dtype):
                difference = current.value - average.value
                average.assign(average.value + tf.cast(share, difference.dtype) * difference)


@attrs.frozen
class Descent:
    """How the gradients of an update become a move of its weights.

    Gradients are averaged over `batches`, then clipped by value, then by norm; weights are clipped after the move.

    Args:
        batches: Batches, each fresh and with noise of its own, whose gradients are averaged for one move: the gradient of one
            batch as large as all of them, for a loss that is a mean over examples, in the memory of one.
        clip_value: Each gradient's entries are clipped to ± this.
        clip_norm: The gradients are scaled down to this norm of all of them together where it is larger.
        clip_weights: The variables are clipped to ± this after the move, as the critic of a Wasserstein GAN is.
        skip_nonfinite: Leave the move out where the loss or a gradient is infinite or not a number, instead of ending the run.
            The history has the share of moves that were left out, as `skipped`; means are over the others.

    Raises:
        HyperparameterError: If a number is not positive.

    References:
        Pascanu et al. 2013, arXiv 1211.5063 (norm); Arjovsky et al. 2017, arXiv 1701.07875, algorithm 1 (weights).
    """

    batches: int = 1
    clip_value: float | None = None
    clip_norm: float | None = None
    clip_weights: float | None = None
    skip_nonfinite: bool = False

    def __attrs_post_init__(self) -> None:
        for name in ("batches", "clip_value", "clip_norm", "clip_weights"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (value > 0 and (whole or name != "batches")):
                raise HyperparameterError(
                    "what a descent is given is positive, and batches are whole.",
                    where=f"gantape.Descent, argument `{name}`",
                    got=repr(value),
                    do="give a number above zero, or leave it out.",
                )

    def clip(self, gradients: list[Tensor]) -> list[Tensor]:
        """The gradients, clipped."""
        if self.clip_value is not None:
            gradients = [tf.clip_by_value(gradient, -self.clip_value, self.clip_value) for gradient in gradients]
        if self.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        return gradients

    def limit(self, variables: Sequence[Variable]) -> None:
        """Clip the weights."""
        if self.clip_weights is not None:
            for variable in variables:
                variable.assign(tf.clip_by_value(variable.value, -self.clip_weights, self.clip_weights))
