"""An exponential moving average of a model's weights."""

import attrs
import tensorflow as tf

from gantape.types import Model, Tensor


@attrs.frozen(eq=False)
class ExponentialMovingAverage:
    """An exponential moving average of a model's weights and batch-norm statistics: θ̄ ← β θ̄ + (1-β) θ.

    In the first steps β is at most (1 + step) / (10 + step), so that the initial weights are soon forgotten.

    Args:
        model: The model that is trained.
        copy: A model with the same variables, which holds the average.
        decay: β, for each update.
        half_life: Examples after which a value's share in the average has halved, β = 2^(-batch size / half-life): the same
            average at every batch size. If it is above zero, it replaces `decay`.

    References:
        Karras et al. 2018, arXiv 1710.10196, section 4.2 of the appendix on the generator's average; the half-life is how
        Karras et al. 2020, arXiv 1912.04958, give it in their code.
    """

    model: Model
    copy: Model
    decay: float = 0.999
    half_life: float = 0.0

    def follow(self, step: Tensor, examples: int = 1) -> None:
        """Move the copy towards the model, after an update on the given number of examples."""
        decay = 0.5 ** (examples / self.half_life) if self.half_life else self.decay
        done = tf.cast(step, tf.float32)
        # 1 - min(β, (1 + step) / (10 + step)), where β is subtracted from 1 in double precision: it may be very close to it.
        share = tf.maximum(1.0 - decay, 9.0 / (10.0 + done))
        for average, current in zip(self.copy.variables, self.model.variables, strict=True):
            if "float" in str(average.value.dtype):
                difference = current.value - average.value
                average.assign(average.value + tf.cast(share, difference.dtype) * difference)
