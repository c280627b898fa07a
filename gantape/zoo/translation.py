"""GANs that translate images, from paired and from unpaired data."""

from typing import Any

import keras
import tensorflow as tf

from gantape.conditioning import Condition, SourceImages
from gantape.losses import AdversarialLoss, CycleConsistency, Identity, LeastSquares, upcast
from gantape.random.rng import RandomStreams
from gantape.shapes import Images
from gantape.steps.losses import Losses
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
    judge_a = Part[Model]()
    judge_b = Part[Model]()
    pool_a = Part[ImagePool]()
    pool_b = Part[ImagePool]()
    game = Part[AdversarialLoss]()
    generators_optimizer = Part[Optimizer]()
    discriminators_optimizer = Part[Optimizer]()

    pixels = (-1.0, 1.0)

    def build_to_a(self) -> Model:
        return u_net(self.width, "to_a")

    def build_to_b(self) -> Model:
        return u_net(self.width, "to_b")

    def build_judge_a(self) -> Model:
        return patch_discriminator(self.width, "judge_a")

    def build_judge_b(self) -> Model:
        return patch_discriminator(self.width, "judge_b")

    def build_pool_a(self) -> ImagePool:
        return ImagePool(self.pool_size)

    def build_pool_b(self) -> ImagePool:
        return ImagePool(self.pool_size)

    def build_game(self) -> AdversarialLoss:
        return LeastSquares()

    def build_generators_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(self.learning_rate, beta_1=0.5)

    def build_discriminators_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(self.learning_rate, beta_1=0.5)

    def updates(self) -> tuple[Update, ...]:
        generators, judges = (self.to_a, self.to_b), (self.judge_a, self.judge_b)
        return (
            Update("generators", self.generators_loss, generators, self.generators_optimizer),
            Update("discriminators", self.discriminators_loss, judges, self.discriminators_optimizer),
        )

    def generators_loss(self, batch: Batch, rng: RandomStreams) -> Losses:
        """The terms of both generators: adversarial, cycle consistency and identity."""
        a, b = batch
        cycle, identity = CycleConsistency(self.cycle_weight), Identity(self.identity_weight)
        made_a, made_b = self.to_a(b, training=True), self.to_b(a, training=True)
        terms = {
            "a": _total(self.game.generator(None, self.judge_a(made_a, training=True), rng)),
            "b": _total(self.game.generator(None, self.judge_b(made_b, training=True), rng)),
            "cycle": cycle(a, self.to_a(made_b, training=True)) + cycle(b, self.to_b(made_a, training=True)),
        }
        if self.identity_weight:
            terms["identity"] = identity(a, self.to_a(a, training=True)) + identity(b, self.to_b(b, training=True))
        return Losses(terms)

    def discriminators_loss(self, batch: Batch, rng: RandomStreams) -> Losses:
        """The terms of both discriminators, on generated images from their pools."""
        a, b = batch
        made_a = self.pool_a.exchange(self.to_a(b, training=True), rng.stream("a"))
        made_b = self.pool_b.exchange(self.to_b(a, training=True), rng.stream("b"))
        terms = {
            name: _total(self.game.discriminator(judge(real, training=True), judge(made, training=True), rng))
            for name, judge, real, made in (("a", self.judge_a, a, made_a), ("b", self.judge_b, b, made_b))
        }
        return Losses(terms)

    def translate(self, batch: Batch) -> tuple[Images, Images]:
        """Translations of the images b of a batch to a, and of its images a to b."""
        a, b = batch
        return upcast(self.to_a(b, training=False)), upcast(self.to_b(a, training=False))

    def sample_grid(self, count: int, rng: RandomStreams, batch: Batch | None = None) -> Images:
        """Rows of b, their translations, and these translated back; then the same for a."""
        a, b = batch if batch is not None else (tf.zeros([8, 28, 28, 1]),) * 2
        a, b = a[:8], b[:8]
        made_a, made_b = self.to_a(b, training=False), self.to_b(a, training=False)
        shown = [b, made_a, self.to_b(made_a, training=False), a, made_b, self.to_a(made_b, training=False)]
        return tf.stack([upcast(images) for images in shown])


def _total(terms: Any) -> Any:
    return sum(terms.values())
