"""Penalties on the discriminator's gradient with respect to its input.

`D` is the discriminator's score, and norms are taken over all axes of an example. Everything is computed in float32 or
better, and square roots have an epsilon inside: their gradient at zero would be NaN otherwise. In a discriminator that mixes
the examples of a batch, as batch norm does, an example has no gradient of its own: use no normalisation, or layer norm, in
the form of `gantape.layers.LayerNorm`, since second derivatives of Keras' own layer are wrong.
"""

import re
from abc import ABC, abstractmethod

import attrs
import tensorflow as tf

from gantape._tensorflow import convert_methods
from gantape.losses.checks import COUNT, WEIGHT, check_same_shape
from gantape.random.rng import RandomStreams
from gantape.shapes import Scalar, Scores
from gantape.steps.losses import upcast
from gantape.types import Model, Tensor

EPSILON = 1e-10


class Penalty(ABC):
    """A term that is added to the discriminator's loss."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        convert_methods(cls)

    @property
    def name(self) -> str:
        """The name of the term in the history; by default that of the class, as in `gradient_penalty`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    @abstractmethod
    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, rng: RandomStreams) -> Scalar:
        """The penalty, a mean over the batch.

        Args:
            discriminator: Called with `training=True`.
            real: Real examples, `batch ...`.
            fake: Generated examples, of the same shape.
            rng: Random streams.
        """


@attrs.frozen
class GradientPenalty(Penalty):
    """λ · mean (‖∇D(x̂)‖₂ - 1)², at x̂ = u·real + (1-u)·fake, with u ~ U(0, 1) for each example.

    The discriminator must not mix examples: use `gantape.layers.LayerNorm` where you would use batch norm.

    Args:
        weight: λ.
        one_sided: Penalise norms above 1 only, λ · mean max(0, ‖∇D(x̂)‖₂ - 1)².

    References:
        Gulrajani et al. 2017, arXiv 1704.00028, equation 3; Petzka et al. 2018, arXiv 1709.08894, equation 8 (one-sided).
    """

    weight: float = attrs.field(default=10.0, validator=WEIGHT)
    one_sided: bool = False

    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, rng: RandomStreams) -> Scalar:
        """The penalty, a mean over the batch.

        Raises:
            ShapeError: If real and generated examples differ in shape.
        """
        check_same_shape(("real", "generated examples"), real, fake, "gantape.losses.GradientPenalty")
        count = tf.shape(real)[0]
        mix = tf.cast(rng.uniform("mix", [count, *[1] * (len(real.shape) - 1)]), real.dtype)
        norms = gradient_norms(discriminator, mix * real + (1.0 - mix) * fake)
        return self.weight * _squared_excess(norms, self.one_sided)


@attrs.frozen
class DraganPenalty(Penalty):
    """λ · mean (‖∇D(x̃)‖₂ - 1)², at x̃ = real + c·std(real)·U, with U ~ U(0, 1) for each number; std is that of the batch.

    It constrains the discriminator near real examples only, wherever generated examples are.

    Args:
        weight: λ.
        deviation: c, the distance from the real examples in standard deviations.
        one_sided: Penalise norms above 1 only.

    References:
        Kodali et al. 2017, arXiv 1705.07215, section 2.3; the noise is that of the authors' code.
    """

    weight: float = attrs.field(default=10.0, validator=WEIGHT)
    deviation: float = attrs.field(default=0.5, validator=WEIGHT)
    one_sided: bool = False

    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, rng: RandomStreams) -> Scalar:
        moves = tf.cast(rng.uniform("around", tf.shape(real)), real.dtype)
        width = tf.cast(self.deviation * tf.math.reduce_std(upcast(real)), real.dtype)
        return self.weight * _squared_excess(gradient_norms(discriminator, real + width * moves), self.one_sided)


@attrs.frozen
class R1(Penalty):
    """γ/2 · mean ‖∇D(real)‖₂².

    Args:
        weight: γ.

    References:
        Mescheder et al. 2018, arXiv 1801.04406, equation 9.
    """

    weight: float = attrs.field(default=10.0, validator=WEIGHT)

    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, rng: RandomStreams) -> Scalar:
        return 0.5 * self.weight * tf.reduce_mean(squared_gradient_norms(discriminator, real))


@attrs.frozen
class R2(Penalty):
    """γ/2 · mean ‖∇D(fake)‖₂².

    Args:
        weight: γ.

    References:
        Mescheder et al. 2018, arXiv 1801.04406, equation 10.
    """

    weight: float = attrs.field(default=10.0, validator=WEIGHT)

    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, rng: RandomStreams) -> Scalar:
        return 0.5 * self.weight * tf.reduce_mean(squared_gradient_norms(discriminator, fake))


@attrs.frozen
class Lazy(Penalty):
    """k times a penalty in every k-th step, starting with the first, and nothing in between.

    The object itself does not count steps: an update multiplies the terms named in `Update.lazy` by k and leaves them out of
    the other steps; `AdversarialTask` names its lazy penalties there. Steps with and without the penalty are separate compiled
    programs, so that steps without it cost nothing extra.

    Args:
        penalty: The penalty.
        every: k.

    References:
        Karras et al. 2020, arXiv 1912.04958, section 3.1. Huang et al. 2024, arXiv 2501.05441, find that their loss needs its
        penalties in every step.
    """

    penalty: Penalty
    every: int = attrs.field(default=16, validator=COUNT)

    @property
    def name(self) -> str:
        return self.penalty.name

    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, rng: RandomStreams) -> Scalar:
        return self.penalty(discriminator, real, fake, rng)


def squared_gradient_norms(discriminator: Model, examples: Tensor) -> Scores:
    """‖∇D(x)‖₂² for each example x, shape `batch`; differentiable.

    The sum of all scores is differentiated, which gives each example's own gradient as long as no score depends on
    another example. For a discriminator of patches, D is the sum of an example's scores.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(examples)
        scores = tf.reduce_sum(discriminator(examples, training=True))
    gradients = upcast(tape.gradient(scores, examples))
    return tf.reduce_sum(tf.square(gradients), axis=list(range(1, len(gradients.shape))))


def gradient_norms(discriminator: Model, examples: Tensor) -> Scores:
    """√(‖∇D(x)‖₂² + 1e-10) for each example x, shape `batch`; differentiable, also where the gradient is zero."""
    return tf.sqrt(squared_gradient_norms(discriminator, examples) + EPSILON)


def _squared_excess(norms: Scores, one_sided: bool) -> Scalar:
    excess = norms - 1.0
    return tf.reduce_mean(tf.square(tf.nn.relu(excess) if one_sided else excess))
