"""Lazy penalties: in every k-th step only."""

import attrs

from gantape.losses.checks import COUNT
from gantape.losses.penalties import Penalty
from gantape.random.rng import RandomStreams
from gantape.shapes import Scalar
from gantape.types import Model, Tensor


@attrs.frozen
class Lazy(Penalty):
    """k times a penalty in every k-th step, from the first on, and nothing in between.

    The object itself has no step: an update leaves its term out of the loss between, and multiplies it by k, if `Update.lazy`
    names it; `AdversarialTask` does so for its penalties. Steps with and without are programs of their own, so that in compiled
    modes the steps without do not pay for it.

    Args:
        penalty: What is computed.
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
