"""Lazy penalties, which are computed in every k-th step only."""

import attrs

from gantape.losses.checks import COUNT
from gantape.losses.penalties import Penalty
from gantape.random.rng import RandomStreams
from gantape.shapes import Scalar
from gantape.types import Model, Tensor


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
