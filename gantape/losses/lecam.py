"""LeCam regularisation: scores are pulled to the moving average of the other kind's scores."""

from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape.distribute.replicas import all_reduce_mean
from gantape.losses.adversarial import SeparableLoss
from gantape.losses.checks import SHARE_BELOW_ONE, WEIGHT, mean
from gantape.losses.modifiers import HAS_COSTS
from gantape.random.rng import RandomStreams
from gantape.shapes import Scores
from gantape.steps.losses import Terms, upcast


def _number() -> Any:
    return keras.Variable(0.0, trainable=False, dtype=keras.config.floatx(), name="average", aggregation="mean")


@attrs.frozen(eq=False)
class LeCam(SeparableLoss):
    """Adds λ · (mean relu(r - α_g)² + mean relu(α_r - g)²) to a discriminator's loss; the generator's stays as it is.

    α_r and α_g are moving averages of the mean scores of real and of generated examples, this step included, and are saved with
    the run: α = Σ γⁿ s₋ₙ / Σ γⁿ, s₋ₙ being the mean n updates ago. So the distance of both kinds of scores stays small, and the
    discriminator of few examples learns them by heart less easily.

    Args:
        loss: The loss, of which scores have a meaning by themselves: not a relativistic one.
        weight: λ.
        decay: γ.
        one_sided: Whether scores on the far side of the other kind's average are left alone, as in the authors' code; the paper
            has squares without relu.

    Raises:
        HyperparameterError: If the loss is relativistic.

    References:
        Tseng et al. 2021, arXiv 2104.03310, equations 4 and 5: λ from 0.01 to 0.3, γ = 0.99.
    """

    loss: SeparableLoss = attrs.field(validator=HAS_COSTS)
    weight: float = attrs.field(default=0.1, validator=WEIGHT)
    decay: float = attrs.field(default=0.99, validator=SHARE_BELOW_ONE)
    one_sided: bool = True
    real_average: Any = attrs.field(init=False, repr=False, factory=_number)
    fake_average: Any = attrs.field(init=False, repr=False, factory=_number)
    share_known: Any = attrs.field(init=False, repr=False, factory=_number)

    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        known = self._follow(self.share_known, tf.ones([]))
        of_real = self._follow(self.real_average, mean(real)) / known
        of_fake = self._follow(self.fake_average, mean(fake)) / known
        real, fake = upcast(real), upcast(fake)
        too_high, too_low = real - tf.cast(of_fake, real.dtype), tf.cast(of_real, fake.dtype) - fake
        if self.one_sided:
            too_high, too_low = tf.nn.relu(too_high), tf.nn.relu(too_low)
        pull = self.weight * (mean(tf.square(too_high)) + mean(tf.square(too_low)))
        return {**self.loss.discriminator(real, fake, rng), "lecam": pull}

    def generator_costs(self, fake: Scores) -> Scores:
        return self.loss.generator_costs(fake)

    def _follow(self, average: Any, value: Any) -> Any:
        """Move an average towards a value of this step, without gradient, and return it."""
        before = tf.convert_to_tensor(average.value)
        seen = all_reduce_mean(tf.cast(tf.stop_gradient(value), before.dtype))
        after = self.decay * before + (1.0 - self.decay) * seen
        average.assign(after)
        return after
