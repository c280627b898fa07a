"""An exponential moving average of a model's weights."""

from collections.abc import Callable

import attrs
import tensorflow as tf

from gantape._tensorflow import with_autograph
from gantape.errors import HyperparameterError
from gantape.types import Model, Tensor


@attrs.frozen(eq=False)
class ExponentialMovingAverage:
    """An exponential moving average of a model's weights and batch-norm statistics: θ̄ ← β θ̄ + (1-β) θ.

    In the first steps β is at most (1 + step) / (10 + step), so that the initial weights are soon forgotten. A teacher that
    begins as a copy of its student has nothing to forget: `warm_up=False` leaves β as it is given.

    Args:
        model: The model that is trained.
        copy: A model with the same variables, which holds the average.
        decay: β, for each update: a number from 0 to 1, or a function of the step, such as `gantape.losses.Ramp` or a
            learning-rate schedule of Keras.
        half_life: Examples after which a value's share in the average has halved, β = 2^(-batch size / half-life): the same
            average at every batch size. If it is above zero, it replaces `decay`.
        warm_up: Whether β is limited in the first steps.

    Raises:
        HyperparameterError: If a number is not possible.

    References:
        Karras et al. 2018, arXiv 1710.10196, section 4.2 of the appendix on the generator's average; the half-life is how
        Karras et al. 2020, arXiv 1912.04958, give it in their code. Grill et al. 2020, arXiv 2006.07733, section 3.2: a teacher
        with a scheduled β.
    """

    model: Model
    copy: Model
    decay: float | Callable[[Tensor], Tensor] = 0.999
    half_life: float = 0.0
    warm_up: bool = True

    def __attrs_post_init__(self) -> None:
        possible = callable(self.decay) or (isinstance(self.decay, int | float) and 0.0 <= self.decay <= 1.0)
        if not possible or not isinstance(self.half_life, int | float) or not self.half_life >= 0.0:
            raise HyperparameterError(
                "the decay of an average is a number from 0 to 1 or a function of the step, and its half-life is not negative.",
                where="gantape.ExponentialMovingAverage",
                got=f"decay={self.decay!r}, half_life={self.half_life!r}",
                do="give decay=0.999, say: the share of the old average that is kept in each update.",
            )

    def follow(self, step: Tensor, examples: int = 1) -> None:
        """Move the copy towards the model, after an update on the given number of examples."""
        share = self._share(step, examples)
        for average, current in zip(self.copy.variables, self.model.variables, strict=True):
            if "float" in str(average.value.dtype):
                difference = current.value - average.value
                average.assign(average.value + tf.cast(share, difference.dtype) * difference)

    def _share(self, step: Tensor, examples: int) -> Tensor:
        """1 - β, where β is subtracted from 1 in double precision if it is a number: it may be very close to it."""
        if self.half_life:
            share = tf.constant(1.0 - 0.5 ** (examples / self.half_life), tf.float32)
        elif callable(self.decay):
            share = 1.0 - tf.cast(with_autograph(self.decay)(step), tf.float32)
        else:
            share = tf.constant(1.0 - self.decay, tf.float32)
        return tf.maximum(share, 9.0 / (10.0 + tf.cast(step, tf.float32))) if self.warm_up else share
