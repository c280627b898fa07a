"""GANs that translate images, from paired and from unpaired data."""

import functools
from typing import Any

import keras
import tensorflow as tf

from gantape.conditioning import Condition, SourceImages
from gantape.losses import AdversarialLoss, CycleConsistency, Identity, LeastSquares, upcast
from gantape.random.rng import RandomStreams
from gantape.shapes import Images
from gantape.steps.losses import Losses
from gantape.steps.shared import SharedPass
from gantape.steps.step import Update
from gantape.tasks import AdversarialTask, Part, Task
from gantape.types import Batch, Model, Optimizer
from gantape.zoo.networks import patch_discriminator, u_net
from gantape.zoo.pool import ImagePool


class Pix2Pix(AdversarialTask):
    """Image translation from pairs: a small U-Net, a discriminator of patches that also sees the source, and λ times L1.

    A batch is `(targets, sources)`, images of 28×28×1 with pixels from -1 to 1. The paper's dropout, which has little effect
    according to its authors, is left out, so that the output depends on the source alone.

    Args:
        distance_weight: λ.
        width: Base number of channels; the widest layer has 4 times as many.

    References:
        Isola et al. 2017, arXiv 1611.07004.
    """

    distance_weight: float = 100.0
    width: int = 16
    learning_rate: float = 2e-4

    def build_condition(self) -> Condition:
        return SourceImages((28, 28, 1), self.distance_weight)

    def build_generator(self) -> Model:
        return u_net(self.width, "generator")

    def build_discriminator(self) -> Model:
        return patch_discriminator(self.width, "discriminator", conditional=True)


class CycleGAN(Task):
    """Image translation without pairs: two generators, each the inverse of the other, and two discriminators.

    The generators move first. The discriminators learn from the translations that were made before that, as in the authors'
    code, so that these are made once in a step.

    A batch is `(images a, images b)`, of 28×28×1 with pixels from -1 to 1, which are unrelated.

    Args:
        cycle_weight: λ of the cycle consistency.
        identity_weight: λ of the identity loss.
        pool_size: Generated images in each discriminator's pool.
        width: Base number of channels; the widest layers have 4 times as many.
        learning_rate: Learning rate of both Adams, whose β₁ is 0.5.

    References:
        Zhu et al. 2017, arXiv 1703.10593.
    """

    cycle_weight: float = 10.0
    identity_weight: float = 0.0
    pool_size: int = 50
    width: int = 16
    learning_rate: float = 2e-4

    to_a = Part[Model]()
    to_b = Part[Model]()
    discriminator_a = Part[Model]()
    discriminator_b = Part[Model]()
    pool_a = Part[ImagePool]()
    pool_b = Part[ImagePool]()
    adversarial = Part[AdversarialLoss]()
    generators_optimizer = Part[Optimizer]()
    discriminators_optimizer = Part[Optimizer]()

    pixels = (-1.0, 1.0)

    def build_to_a(self) -> Model:
        return u_net(self.width, "to_a")

    def build_to_b(self) -> Model:
        return u_net(self.width, "to_b")

    def build_discriminator_a(self) -> Model:
        return patch_discriminator(self.width, "discriminator_a")

    def build_discriminator_b(self) -> Model:
        return patch_discriminator(self.width, "discriminator_b")

    def build_pool_a(self) -> ImagePool:
        return ImagePool(self.pool_size)

    def build_pool_b(self) -> ImagePool:
        return ImagePool(self.pool_size)

    def build_adversarial(self) -> AdversarialLoss:
        return LeastSquares()

    def build_generators_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(self.learning_rate, beta_1=0.5)

    def build_discriminators_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(self.learning_rate, beta_1=0.5)

    def updates(self) -> tuple[Update, ...]:
        generators, discriminators = (self.to_a, self.to_b), (self.discriminator_a, self.discriminator_b)
        return (
            Update("generators", self.generators_loss, generators, self.generators_optimizer),
            Update("discriminators", self.discriminators_loss, discriminators, self.discriminators_optimizer),
        )

    def generators_loss(self, batch: Batch, rng: RandomStreams) -> Losses:
        """The terms of both generators: adversarial, cycle consistency and identity."""
        a, b = batch
        cycle, identity = CycleConsistency(self.cycle_weight), Identity(self.identity_weight)
        fake_a, fake_b = self._translations(batch, lambda: self._translated(batch))
        terms = {
            "a": _total(self.adversarial.generator(None, self.discriminator_a(fake_a, training=True), rng)),
            "b": _total(self.adversarial.generator(None, self.discriminator_b(fake_b, training=True), rng)),
            "cycle": cycle(a, self.to_a(fake_b, training=True)) + cycle(b, self.to_b(fake_a, training=True)),
        }
        if self.identity_weight:
            terms["identity"] = identity(a, self.to_a(a, training=True)) + identity(b, self.to_b(b, training=True))
        return Losses(terms)

    def discriminators_loss(self, batch: Batch, rng: RandomStreams) -> Losses:
        """The terms of both discriminators, on generated images from their pools."""
        a, b = batch
        fake_a, fake_b = self._translations(batch, lambda: self._translated(batch))
        fake_a = self.pool_a.exchange(fake_a, rng.stream("a"))
        fake_b = self.pool_b.exchange(fake_b, rng.stream("b"))
        return Losses(
            {"a": self._scored(self.discriminator_a, a, fake_a, rng), "b": self._scored(self.discriminator_b, b, fake_b, rng)}
        )

    def translate(self, batch: Batch) -> tuple[Images, Images]:
        """Translations of the images b of a batch to a, and of its images a to b."""
        a, b = batch
        return upcast(self.to_a(b, training=False)), upcast(self.to_b(a, training=False))

    def sample_grid(self, count: int, rng: RandomStreams, batch: Batch | None = None) -> Images:
        """Rows of b, their translations, and these translated back; then the same for a."""
        a, b = batch if batch is not None else (tf.zeros([8, 28, 28, 1]),) * 2
        a, b = a[:8], b[:8]
        fake_a, fake_b = self.to_a(b, training=False), self.to_b(a, training=False)
        shown = [b, fake_a, self.to_b(fake_a, training=False), a, fake_b, self.to_a(fake_b, training=False)]
        return tf.stack([upcast(images) for images in shown])

    @functools.cached_property
    def _translations(self) -> SharedPass:
        return SharedPass()

    def _translated(self, batch: Batch) -> tuple[Images, Images]:
        a, b = batch
        return self.to_a(b, training=True), self.to_b(a, training=True)

    def _scored(self, discriminator: Model, real: Images, fake: Images, rng: RandomStreams) -> Any:
        """The loss of a discriminator."""
        return _total(
            self.adversarial.discriminator(discriminator(real, training=True), discriminator(fake, training=True), rng)
        )


def _total(terms: Any) -> Any:
    return sum(terms.values())
