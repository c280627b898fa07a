"""Consistency regularisation: augmentation, or a small change of the latents, must not change an example's score."""

from collections.abc import Callable
from typing import Any

import attrs
import tensorflow as tf

from gantape.losses.checks import WEIGHT, check_same_shape, mean
from gantape.losses.penalties import Penalty
from gantape.random.rng import RandomStreams
from gantape.shapes import Latents, Scalar, Scores
from gantape.steps.losses import upcast
from gantape.types import Model, Tensor


@attrs.frozen
class BalancedConsistency(Penalty):
    """λᵣ · mean (D(T(real)) - D(real))² + λ_g · mean (D(T(fake)) - D(fake))², T being an augmentation (bCR).

    The discriminator learns to ignore T on both kinds of examples, so that the generator does not learn to make augmented
    images. With a weight of 0, the passes for that kind are left out: `fake_weight=0.0` is consistency regularisation (CR).

    Args:
        augment: T, `augment(images, rng)`, which returns images of the same shape, such as one of `gantape.augment`.
        real_weight: λᵣ.
        fake_weight: λ_g.

    References:
        Zhao et al. 2020, arXiv 2002.04724, algorithm 1, with λᵣ = λ_g = 10; Zhang et al. 2020, arXiv 1910.12027, equation 2
        (CR, with λᵣ = 10).
    """

    augment: Callable[[Tensor, RandomStreams], Tensor]
    real_weight: float = attrs.field(default=10.0, validator=WEIGHT)
    fake_weight: float = attrs.field(default=10.0, validator=WEIGHT)

    @property
    def name(self) -> str:
        return "consistency"

    def __call__(self, discriminator: Model, real: Tensor, fake: Tensor, rng: RandomStreams) -> Scalar:
        """The penalty, a mean over the batch.

        Raises:
            ShapeError: If the augmentation changes the shape of the examples.
        """
        kinds = (("real", real, self.real_weight), ("fake", fake, self.fake_weight))
        changes: Any = [
            weight * self._change(discriminator, examples, rng.stream(name)) for name, examples, weight in kinds if weight
        ]
        return tf.add_n(changes) if changes else tf.zeros([])

    def _change(self, discriminator: Model, examples: Tensor, rng: RandomStreams) -> Scalar:
        augmented = self.augment(examples, rng)
        check_same_shape(("examples", "augmented ones"), examples, augmented, "gantape.losses.BalancedConsistency")
        changed, plain = discriminator(augmented, training=True), discriminator(examples, training=True)
        return mean(tf.square(upcast(changed) - upcast(plain)))


@attrs.frozen
class LatentConsistency:
    """Close latents: the discriminator's scores should be equal, the generator's examples should differ (zCR).

    With z' = z + σ N(0, 1), the discriminator's term is λ_d · mean (D(G(z)) - D(G(z')))², the generator's
    -λ_g · mean (G(z) - G(z'))², means over all scores and all numbers of examples. Together with `BalancedConsistency` this is
    improved consistency regularisation (ICR).

    Args:
        deviation: σ.
        discriminator_weight: λ_d.
        generator_weight: λ_g.

    References:
        Zhao et al. 2020, arXiv 2002.04724, algorithm 2, with σ = 0.03, λ_d = 5 and λ_g = 0.5 for a DCGAN with spectral norm.
    """

    deviation: float = attrs.field(default=0.03, validator=WEIGHT)
    discriminator_weight: float = attrs.field(default=5.0, validator=WEIGHT)
    generator_weight: float = attrs.field(default=0.5, validator=WEIGHT)

    def near(self, latents: Latents, rng: RandomStreams) -> Latents:
        """Latents near others, z'; the same for streams of the same update."""
        return latents + self.deviation * tf.cast(rng.normal("near", tf.shape(latents)), latents.dtype)

    def discriminator(self, scores: Scores, scores_near: Scores) -> Scalar:
        """The discriminator's term, from its scores of G(z) and of G(z').

        Raises:
            ShapeError: If there are not equally many of both.
        """
        check_same_shape(("scores", "those of close latents"), scores, scores_near, "gantape.losses.LatentConsistency")
        return self.discriminator_weight * mean(tf.square(upcast(scores) - upcast(scores_near)))

    def generator(self, examples: Tensor, examples_near: Tensor) -> Scalar:
        """The generator's term, from G(z) and G(z'). It is negative.

        Raises:
            ShapeError: If there are not equally many of both.
        """
        check_same_shape(("examples", "those of close latents"), examples, examples_near, "gantape.losses.LatentConsistency")
        return -self.generator_weight * mean(tf.square(upcast(examples) - upcast(examples_near)))
