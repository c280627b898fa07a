"""Wasserstein GANs, whose critic is kept Lipschitz by clipped weights or by a gradient penalty."""

import keras

from gantape.losses import AdversarialLoss, GradientPenalty, Penalty, Wasserstein
from gantape.steps.gradients import GradientOptions
from gantape.tasks import AdversarialTask
from gantape.types import Model, Optimizer
from gantape.zoo.networks import digit_discriminator, digit_generator


class WGAN(AdversarialTask):
    """Wasserstein GAN with clipped weights and two critic updates per step.

    The paper uses five updates, weights within ±0.01 and learning rates of 5e-5, for much longer runs; these train in minutes.

    Args:
        weight_limit: Weights are clipped to ± this number.
        width: Width of both networks, see `DCGAN`.
        learning_rate: Learning rate of both RMSprops.

    References:
        Arjovsky et al. 2017, arXiv 1701.07875, algorithm 1.
    """

    latent_size: int = 64
    generator_decay: float = 0.99
    discriminator_updates: int = 2
    weight_limit: float = 0.05
    width: int = 16
    learning_rate: float = 2e-3

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width, norm="batch")

    def build_generator_optimizer(self) -> Optimizer:
        return keras.optimizers.RMSprop(self.learning_rate)

    def build_discriminator_optimizer(self) -> Optimizer:
        return keras.optimizers.RMSprop(self.learning_rate)

    def build_discriminator_gradient_options(self) -> GradientOptions:
        return GradientOptions(clip_weights=self.weight_limit)

    def build_loss(self) -> AdversarialLoss:
        return Wasserstein()


class WGANGP(AdversarialTask):
    """Wasserstein GAN with a gradient penalty and two critic updates per step.

    The paper uses five updates and learning rates of 1e-4, for much longer runs.

    Args:
        penalty_weight: λ.
        width: Width of both networks, see `DCGAN`.

    References:
        Gulrajani et al. 2017, arXiv 1704.00028, algorithm 1.
    """

    latent_size: int = 64
    generator_decay: float = 0.99
    discriminator_updates: int = 2
    penalty_weight: float = 10.0
    width: int = 16
    learning_rate: float = 1e-3
    beta_1: float = 0.0
    beta_2: float = 0.9

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width)

    def build_loss(self) -> AdversarialLoss:
        return Wasserstein()

    def build_penalties(self) -> tuple[Penalty, ...]:
        return (GradientPenalty(self.penalty_weight),)
