"""Relativistic losses, which compare the scores of real and generated examples. The generator's loss needs both.

`r`, `g` and `sp` are as in `adversarial`, `r̄` and `ḡ` are the means of the scores of a batch.
"""

from typing import ClassVar

import attrs
import tensorflow as tf

from gantape.errors import LossError
from gantape.losses.adversarial import AdversarialLoss
from gantape.losses.checks import check_same_shape, mean
from gantape.random.rng import RandomStreams
from gantape.shapes import Scores
from gantape.steps.losses import Terms, upcast


@attrs.frozen
class RelativisticPairing(AdversarialLoss):
    """Each real example against one generated example: discriminator sp(-(r-g)), generator sp(-(g-r)).

    Only differences of scores matter. Use it with both `R1` and `R2`, with which it converges.

    References:
        Jolicoeur-Martineau 2018, arXiv 1807.00734, section 4; Sun et al. 2020, arXiv 2011.04926;
        Huang et al. 2024, arXiv 2501.05441, section 2.
    """

    generator_sees_real: ClassVar[bool] = True

    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        """The discriminator's term, from the scores `r` and `g`.

        Raises:
            ShapeError: If there are not equally many of both.
        """
        return {"pairing": mean(tf.nn.softplus(-_differences(self, real, fake)))}

    def generator(self, real: Scores | None, fake: Scores, rng: RandomStreams) -> Terms:
        """The generator's term, from the scores `r` and `g`.

        Raises:
            ShapeError: If there are not equally many of both.
        """
        return {"pairing": mean(tf.nn.softplus(_differences(self, _given(self, real), fake)))}


@attrs.frozen
class RelativisticAverage(AdversarialLoss):
    """Each example against the mean of the other kind: discriminator sp(-(r-ḡ)) + sp(g-r̄), generator sp(-(g-r̄)) + sp(r-ḡ).

    The terms are summed, not averaged.

    References:
        Jolicoeur-Martineau 2018, arXiv 1807.00734, section 4 (RaSGAN).
    """

    generator_sees_real: ClassVar[bool] = True

    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        above, below = _to_averages(real, fake)
        return {"real": mean(tf.nn.softplus(-above)), "fake": mean(tf.nn.softplus(below))}

    def generator(self, real: Scores | None, fake: Scores, rng: RandomStreams) -> Terms:
        above, below = _to_averages(_given(self, real), fake)
        return {"real": mean(tf.nn.softplus(above)), "fake": mean(tf.nn.softplus(-below))}


@attrs.frozen
class RelativisticAverageHinge(AdversarialLoss):
    """The hinge loss of each example against the mean of the other kind.

    Discriminator relu(1-(r-ḡ)) + relu(1+(g-r̄)), generator relu(1-(g-r̄)) + relu(1+(r-ḡ)).

    References:
        Jolicoeur-Martineau 2018, arXiv 1807.00734, appendix (RaHingeGAN).
    """

    generator_sees_real: ClassVar[bool] = True

    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        above, below = _to_averages(real, fake)
        return {"real": mean(tf.nn.relu(1.0 - above)), "fake": mean(tf.nn.relu(1.0 + below))}

    def generator(self, real: Scores | None, fake: Scores, rng: RandomStreams) -> Terms:
        above, below = _to_averages(_given(self, real), fake)
        return {"real": mean(tf.nn.relu(1.0 + above)), "fake": mean(tf.nn.relu(1.0 - below))}


def _differences(loss: AdversarialLoss, real: Scores, fake: Scores) -> Scores:
    """Scores of pairs, r - g."""
    check_same_shape(("scores of real", "of generated examples"), real, fake, f"gantape.losses.{type(loss).__name__}")
    return upcast(real) - upcast(fake)


def _to_averages(real: Scores, fake: Scores) -> tuple[Scores, Scores]:
    """Scores against the mean of the other kind, r - ḡ and g - r̄."""
    return upcast(real) - mean(fake), upcast(fake) - mean(real)


def _given(loss: AdversarialLoss, real: Scores | None) -> Scores:
    if real is None:
        raise LossError(
            "the generator of a relativistic loss also needs the scores of real examples.",
            where=f"gantape.losses.{type(loss).__name__}.generator, argument `real`",
            got="None",
            do="if loss.generator_sees_real, score real examples in the generator's update as well.",
        )
    return real
