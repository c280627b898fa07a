"""Adversarial losses, one for the discriminator and one for the generator.

In the formulas `r` and `g` are the discriminator's raw scores of real and generated examples, `sp(x) = ln(1 + eˣ)` is the
softplus, and every term is a mean over all scores, so that scores may have the shape `batch`, `batch 1` or that of patches.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import attrs
import tensorflow as tf

from gantape._tensorflow import convert_methods
from gantape.losses.checks import ANY, WEIGHT, mean
from gantape.random.rng import RandomStreams
from gantape.shapes import Scalar, Scores
from gantape.steps.losses import Terms, upcast


class AdversarialLoss(ABC):
    """The losses of a discriminator and of a generator."""

    generator_sees_real: ClassVar[bool] = False
    """Whether the generator's loss depends on the scores of real examples."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        convert_methods(cls)

    @abstractmethod
    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        """The discriminator's terms, from the scores `r` and `g`."""

    @abstractmethod
    def generator(self, real: Scores | None, fake: Scores, rng: RandomStreams) -> Terms:
        """The generator's terms, from the scores `g` and, where `generator_sees_real`, `r`."""


class SeparableLoss(AdversarialLoss):
    """A loss whose generator term is a mean of costs, one for each generated example."""

    @abstractmethod
    def generator_costs(self, fake: Scores) -> Scores:
        """The generator's cost of each score in `g`, of the same shape."""

    def generator(self, real: Scores | None, fake: Scores, rng: RandomStreams) -> Terms:
        return {"adversarial": mean(self.generator_costs(upcast(fake)))}


class CrossEntropyLoss(ABC):
    """A loss in which the discriminator minimises the cross-entropies of its scores to targets.

    With a target t, a score x costs t·sp(-x) + (1-t)·sp(x); the clean targets are 1 for real and 0 for generated examples.
    """

    @abstractmethod
    def targets(self, real: Scores, fake: Scores, rng: RandomStreams) -> tuple[Scores, Scores]:
        """The targets of real and of generated examples, of the shapes of their scores."""

    @abstractmethod
    def generator_costs(self, fake: Scores) -> Scores:
        """The generator's costs, as in `SeparableLoss`."""

    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        real, fake = upcast(real), upcast(fake)
        targets = self.targets(real, fake, rng)
        return {"real": _cross_entropy(targets[0], real), "fake": _cross_entropy(targets[1], fake)}


@attrs.frozen
class Minimax(CrossEntropyLoss, SeparableLoss):
    """The original loss: discriminator sp(-r) + sp(g), generator -sp(g).

    The generator's gradient vanishes where the discriminator is confident; `NonSaturating` avoids that.

    References:
        Goodfellow et al. 2014, arXiv 1406.2661, equation 1.
    """

    def targets(self, real: Scores, fake: Scores, rng: RandomStreams) -> tuple[Scores, Scores]:
        return tf.ones_like(real), tf.zeros_like(fake)

    def generator_costs(self, fake: Scores) -> Scores:
        return -tf.nn.softplus(fake)


@attrs.frozen
class NonSaturating(CrossEntropyLoss, SeparableLoss):
    """The non-saturating loss: discriminator sp(-r) + sp(g), generator sp(-g).

    References:
        Goodfellow et al. 2014, arXiv 1406.2661, section 3; Radford et al. 2016, arXiv 1511.06434.
    """

    def targets(self, real: Scores, fake: Scores, rng: RandomStreams) -> tuple[Scores, Scores]:
        return tf.ones_like(real), tf.zeros_like(fake)

    def generator_costs(self, fake: Scores) -> Scores:
        return tf.nn.softplus(-fake)


@attrs.frozen
class LeastSquares(SeparableLoss):
    """Least squares: discriminator ½(r-b)² + ½(g-a)², generator ½(g-c)².

    The defaults (0, 1, 1) are the paper's targets of 0 and 1; `LeastSquares.pearson()` has (-1, 1, 0).

    Args:
        fake_target: a.
        real_target: b.
        generator_target: c.

    References:
        Mao et al. 2017, arXiv 1611.04076, equation 2; equations 8 and 9 for the two choices of a, b and c.
    """

    fake_target: float = attrs.field(default=0.0, validator=ANY)
    real_target: float = attrs.field(default=1.0, validator=ANY)
    generator_target: float = attrs.field(default=1.0, validator=ANY)

    @classmethod
    def pearson(cls) -> "LeastSquares":
        """The targets (-1, 1, 0), with which the generator minimises Pearson's χ² divergence."""
        return cls(fake_target=-1.0, real_target=1.0, generator_target=0.0)

    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        return {
            "real": 0.5 * mean(tf.square(upcast(real) - self.real_target)),
            "fake": 0.5 * mean(tf.square(upcast(fake) - self.fake_target)),
        }

    def generator_costs(self, fake: Scores) -> Scores:
        return 0.5 * tf.square(fake - self.generator_target)


@attrs.frozen
class Wasserstein(SeparableLoss):
    """The Wasserstein loss: discriminator (critic) g - r, generator -g.

    The critic has to be Lipschitz: add a `GradientPenalty`, or clip the critic's weights.

    References:
        Arjovsky et al. 2017, arXiv 1701.07875, equations 2 and 3; algorithm 1 for clipped weights.
    """

    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        return {"real": -mean(real), "fake": mean(fake)}

    def generator_costs(self, fake: Scores) -> Scores:
        return -fake


@attrs.frozen
class Hinge(SeparableLoss):
    """The hinge loss: discriminator relu(1-r) + relu(1+g), generator -g.

    References:
        Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957, equations 16 and 17.
    """

    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        return {"real": mean(tf.nn.relu(1.0 - upcast(real))), "fake": mean(tf.nn.relu(1.0 + upcast(fake)))}

    def generator_costs(self, fake: Scores) -> Scores:
        return -fake


@attrs.frozen
class NoisyLabels(SeparableLoss):
    """Cross-entropy with reversed and noisy labels, as in the Keras guide: 1 for generated examples, 0 for real ones.

    The discriminator minimises the binary cross-entropy to the labels plus `label_noise · U(0, 1)`, one mean over generated and
    real scores together; the generator minimises the cross-entropy of its scores to 0. The noise keeps the discriminator from
    becoming too confident. A label above 1 is not a probability: it rewards ever larger scores of generated examples, so that
    the loss has no lower bound. `LabelNoise` moves labels towards each other instead.

    Args:
        label_noise: Width of the uniform noise that is added to the labels.

    References:
        Chollet, Writing a training loop from scratch in TensorFlow, keras.io.
    """

    label_noise: float = attrs.field(default=0.05, validator=WEIGHT)

    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        scores = upcast(tf.concat([fake, real], axis=0))
        labels = tf.concat([tf.ones_like(fake), tf.zeros_like(real)], axis=0)
        labels = tf.cast(labels, scores.dtype)
        labels += self.label_noise * tf.cast(rng.uniform("labels", tf.shape(labels)), labels.dtype)
        return {"cross_entropy": mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, scores))}

    def generator_costs(self, fake: Scores) -> Scores:
        # Not softplus, which differs in the last bit: this is what Keras computes, so that training equals the guide's.
        return tf.nn.sigmoid_cross_entropy_with_logits(tf.zeros_like(fake), fake)


def _cross_entropy(targets: Scores, scores: Scores) -> Scalar:
    return mean(targets * tf.nn.softplus(-scores) + (1.0 - targets) * tf.nn.softplus(scores))
