"""A moving average of a model's weights."""

import attrs
import tensorflow as tf

from gantape.types import Model, Tensor


@attrs.frozen(eq=False)
class ExponentialMovingAverage:
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
