"""Consistency regularisation: augmentation must not change an example's score."""

from collections.abc import Callable

import attrs
import tensorflow as tf

from gantape.losses.checks import WEIGHT, check_same_shape, mean
from gantape.losses.penalties import Penalty
from gantape.random.rng import RandomStreams
from gantape.shapes import Scalar
from gantape.steps.losses import upcast
from gantape.types import Model, Tensor


@attrs.frozen
class BalancedConsistency(Penalty):
    """λᵣ · mean (D(T(real)) - D(real))² + λ_g · mean (D(T(fake)) - D(fake))², T being an augmentation (bCR).

    The discriminator learns to ignore T on both kinds of examples, so that the generator does not learn to make augmented
    images.

    Args:
        augment: T, `augment(images, rng)`, which returns images of the same shape.
        real_weight: λᵣ.
        fake_weight: λ_g.

    References:
        Zhao et al. 2020, arXiv 2002.04724, algorithm 1, with λᵣ = λ_g = 10.
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
        changes = (self._change(discriminator, kind, rng.stream(name)) for name, kind in (("real", real), ("fake", fake)))
        return self.real_weight * next(changes) + self.fake_weight * next(changes)

    def _change(self, discriminator: Model, examples: Tensor, rng: RandomStreams) -> Scalar:
        augmented = self.augment(examples, rng)
        check_same_shape(("examples", "augmented ones"), examples, augmented, "gantape.losses.BalancedConsistency")
        changed, plain = discriminator(augmented, training=True), discriminator(examples, training=True)
        return mean(tf.square(upcast(changed) - upcast(plain)))
