"""Adversarial losses: what the discriminator and the generator each minimise.

In the formulas `r` and `g` are the discriminator's raw scores of real and generated examples, `sp(x) = ln(1 + eˣ)` is the
softplus, and every term is a mean over all scores, so that scores may have the shape `batch`, `batch 1` or that of patches.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import attrs
import keras
import tensorflow as tf

from gantape.losses.terms import Terms
from gantape.noise import Noise
from gantape.shapes import Scalar, Scores


class AdversarialLoss(ABC):
    """A game between a discriminator and a generator."""

    generator_sees_real: ClassVar[bool] = False
    """Whether the generator's loss depends on the scores of real examples."""

    @abstractmethod
    def discriminator(self, real: Scores, fake: Scores, noise: Noise) -> Terms:
        """The discriminator's terms, from the scores `r` and `g`."""

    @abstractmethod
    def generator(self, real: Scores | None, fake: Scores, noise: Noise) -> Terms:
        """The generator's terms, from the scores `g` and, where `generator_sees_real`, `r`."""


@attrs.frozen
class Minimax(AdversarialLoss):
    """The original game: discriminator sp(-r) + sp(g), generator -sp(g).

    The generator's gradient vanishes where the discriminator is sure; `NonSaturating` mends that.

    References:
        Goodfellow et al. 2014, arXiv 1406.2661, equation 1.
    """

    def discriminator(self, real: Scores, fake: Scores, noise: Noise) -> Terms:
        return {"real": _mean(tf.nn.softplus(-real)), "fake": _mean(tf.nn.softplus(fake))}

    def generator(self, real: Scores | None, fake: Scores, noise: Noise) -> Terms:
        return {"adversarial": -_mean(tf.nn.softplus(fake))}


@attrs.frozen
class NonSaturating(AdversarialLoss):
    """The game as it is played: discriminator sp(-r) + sp(g), generator sp(-g).

    References:
        Goodfellow et al. 2014, arXiv 1406.2661, section 3; Radford et al. 2016, arXiv 1511.06434.
    """

    def discriminator(self, real: Scores, fake: Scores, noise: Noise) -> Terms:
        return {"real": _mean(tf.nn.softplus(-real)), "fake": _mean(tf.nn.softplus(fake))}

    def generator(self, real: Scores | None, fake: Scores, noise: Noise) -> Terms:
        return {"adversarial": _mean(tf.nn.softplus(-fake))}


@attrs.frozen
class LeastSquares(AdversarialLoss):
    """Least squares: discriminator ½(r-b)² + ½(g-a)², generator ½(g-c)².

    Args:
        fake_target: a.
        real_target: b.
        generator_target: c. With (a, b, c) = (-1, 1, 0) the generator minimises Pearson's χ².

    References:
        Mao et al. 2017, arXiv 1611.04076, equation 2 and section 3.2.
    """

    fake_target: float = 0.0
    real_target: float = 1.0
    generator_target: float = 1.0

    def discriminator(self, real: Scores, fake: Scores, noise: Noise) -> Terms:
        return {
            "real": 0.5 * _mean(tf.square(real - self.real_target)),
            "fake": 0.5 * _mean(tf.square(fake - self.fake_target)),
        }

    def generator(self, real: Scores | None, fake: Scores, noise: Noise) -> Terms:
        return {"adversarial": 0.5 * _mean(tf.square(fake - self.generator_target))}


@attrs.frozen
class Wasserstein(AdversarialLoss):
    """The critic's game: discriminator g - r, generator -g. It needs a Lipschitz critic: add a `GradientPenalty`.

    References:
        Arjovsky et al. 2017, arXiv 1701.07875, equations 2 and 3.
    """

    def discriminator(self, real: Scores, fake: Scores, noise: Noise) -> Terms:
        return {"real": -_mean(real), "fake": _mean(fake)}

    def generator(self, real: Scores | None, fake: Scores, noise: Noise) -> Terms:
        return {"adversarial": -_mean(fake)}


@attrs.frozen
class Hinge(AdversarialLoss):
    """The hinge: discriminator relu(1-r) + relu(1+g), generator -g.

    References:
        Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957, equations 16 and 17.
    """

    def discriminator(self, real: Scores, fake: Scores, noise: Noise) -> Terms:
        return {"real": _mean(tf.nn.relu(1.0 - real)), "fake": _mean(tf.nn.relu(1.0 + fake))}

    def generator(self, real: Scores | None, fake: Scores, noise: Noise) -> Terms:
        return {"adversarial": -_mean(fake)}


@attrs.frozen
class NoisyLabels(AdversarialLoss):
    """Cross-entropy with reversed and noisy labels, as the Keras guide has it: a generated example is labelled 1, a real one 0.

    The discriminator minimises the binary cross-entropy to the labels plus `label_noise · U(0, 1)`, one mean over generated and
    real scores together; the generator minimises the cross-entropy of its scores to 0. Labels above 1 are no probabilities:
    the noise keeps the discriminator from growing sure of itself.

    Args:
        label_noise: The width of the uniform noise that is added to both kinds of label.

    References:
        Chollet, Writing a training loop from scratch in TensorFlow, keras.io.
    """

    label_noise: float = 0.05

    def discriminator(self, real: Scores, fake: Scores, noise: Noise) -> Terms:
        scores = tf.concat([fake, real], axis=0)
        labels = tf.concat([tf.ones_like(fake), tf.zeros_like(real)], axis=0)
        labels += self.label_noise * tf.cast(noise.uniform("labels", tf.shape(labels)), labels.dtype)
        return {"cross_entropy": _cross_entropy(labels, scores)}

    def generator(self, real: Scores | None, fake: Scores, noise: Noise) -> Terms:
        return {"adversarial": _cross_entropy(tf.zeros_like(fake), fake)}


def _mean(values: Scores) -> Scalar:
    return tf.reduce_mean(values)


def _cross_entropy(labels: Scores, scores: Scores) -> Scalar:
    return keras.losses.BinaryCrossentropy(from_logits=True)(labels, scores)
