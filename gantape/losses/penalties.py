"""Penalties on the discriminator's gradient with respect to its input.

`D` is the discriminator's score, and norms are taken over all axes of an example. Everything is computed in float32 or
better, and a norm under a square root has an epsilon inside: its gradient at zero would be NaN otherwise.
"""

from abc import ABC, abstractmethod

import attrs
import tensorflow as tf

from gantape.noise import Noise
from gantape.shapes import Scalar, Scores
from gantape.types import Model, Tensor

EPSILON = 1e-10


class Penalty(ABC):
    """A term that the discriminator's loss gains."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What the term is called in the history."""

    @abstractmethod
    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, noise: Noise) -> Scalar:
        """The penalty, a mean over the batch.

        Args:
            discriminator: Called with `training=True`.
            real: Real examples, `batch ...`.
            fake: Generated examples, of the same shape.
            noise: Random streams.
        """


@attrs.frozen
class GradientPenalty(Penalty):
    """λ · mean (‖∇D(x̂)‖₂ - 1)², at x̂ = u·real + (1-u)·fake, with u ~ U(0, 1) for each example.

    The discriminator must not mix examples: use layer norm where you would use batch norm.

    Args:
        weight: λ.
        one_sided: Penalise norms above 1 only, λ · mean max(0, ‖∇D(x̂)‖₂ - 1)².

    References:
        Gulrajani et al. 2017, arXiv 1704.00028, equation 3; Petzka et al. 2018, arXiv 1709.08894, equation 8 (one-sided).
    """

    weight: float = 10.0
    one_sided: bool = False

    @property
    def name(self) -> str:
        return "gradient_penalty"

    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, noise: Noise) -> Scalar:
        count = tf.shape(real)[0]
        mix = tf.cast(noise.uniform("mix", [count, *[1] * (len(real.shape) - 1)]), real.dtype)
        squares = squared_gradient_norms(discriminator, mix * real + (1.0 - mix) * fake)
        excess = tf.sqrt(squares + EPSILON) - 1.0
        if self.one_sided:
            excess = tf.nn.relu(excess)
        return self.weight * tf.reduce_mean(tf.square(excess))


@attrs.frozen
class R1(Penalty):
    """γ/2 · mean ‖∇D(real)‖₂².

    Args:
        weight: γ.

    References:
        Mescheder et al. 2018, arXiv 1801.04406, equation 9.
    """

    weight: float = 10.0

    @property
    def name(self) -> str:
        return "r1"

    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, noise: Noise) -> Scalar:
        return 0.5 * self.weight * tf.reduce_mean(squared_gradient_norms(discriminator, real))


@attrs.frozen
class R2(Penalty):
    """γ/2 · mean ‖∇D(fake)‖₂².

    Args:
        weight: γ.

    References:
        Mescheder et al. 2018, arXiv 1801.04406, equation 10.
    """

    weight: float = 10.0

    @property
    def name(self) -> str:
        return "r2"

    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, noise: Noise) -> Scalar:
        return 0.5 * self.weight * tf.reduce_mean(squared_gradient_norms(discriminator, fake))


def squared_gradient_norms(discriminator: Model, examples: Tensor) -> Scores:
    """‖∇D(x)‖₂² for each example x, shape `batch`; differentiable once more.

    The sum of the scores is differentiated, which gives each example's own gradient as long as no score depends on
    another example.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(examples)
        scores = tf.reduce_sum(discriminator(examples, training=True))
    gradients = tape.gradient(scores, examples)
    if gradients.dtype.size < tf.float32.size:
        gradients = tf.cast(gradients, tf.float32)
    return tf.reduce_sum(tf.square(gradients), axis=list(range(1, len(gradients.shape))))
