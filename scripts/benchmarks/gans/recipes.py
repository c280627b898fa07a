"""The GANs of the scoreboard that are not in gantape.zoo: stacked digits."""

from typing import Any

import keras

import gantape as gt
from gantape.layers import Pack, faster

layers = keras.layers


class TinyStacked(gt.AdversarialTask):
    """Stacked digits by the tiny networks of the published protocol: 287,875 and 585 parameters, without packing.

    So small a discriminator loses to a generator that makes one picture, unless it sees several pictures at once.

    Args:
        pack: Examples in a pack: the first layer of the discriminator has that many times the kernel weights.
        steps: The step after which the learning rates are zero.

    References:
        Metz et al. 2017, arXiv 1611.02163, appendix (the networks); Lin et al. 2018, arXiv 1712.04086 (packs, the figures).
    """

    latent_size: int = 256
    generator_decay: float = 0.999
    generator_rate: float = 1e-3
    discriminator_rate: float = 2e-3
    penalty: float = 0.1
    pack: int = 4
    steps: int = 50_000

    def build_generator(self) -> Any:
        network: list[Any] = [keras.Input((self.latent_size,)), layers.Dense(4 * 4 * 64), layers.Reshape((4, 4, 64))]
        network += [layers.BatchNormalization(), layers.ReLU()]
        for number, filters in enumerate((32, 16, 8)):
            network.append(layers.Conv2DTranspose(filters, 3, strides=2, padding="same"))
            network += [layers.BatchNormalization(), layers.ReLU()]
            if not number:
                network.append(layers.Cropping2D(((0, 1), (0, 1))))  # 4 → 8 → 7, then 14 and 28
        network.append(layers.Conv2D(3, 3, padding="same", activation="tanh"))
        return faster(keras.Sequential(network, name="generator"))

    def build_discriminator(self) -> Any:
        network: list[Any] = [keras.Input((28, 28, 3)), Pack(self.pack)]
        for filters in (2, 4, 8):
            network += [layers.Conv2D(filters, 3, strides=2, padding="same"), layers.LeakyReLU(negative_slope=0.3)]
        return faster(keras.Sequential([*network, layers.Flatten(), layers.Dense(1)], name="discriminator"))

    def build_generator_optimizer(self) -> Any:
        return self._adam(self.generator_rate)

    def build_discriminator_optimizer(self) -> Any:
        return self._adam(self.discriminator_rate)

    def build_penalties(self) -> tuple[gt.losses.Penalty, ...]:
        return (gt.losses.R1(self.penalty), gt.losses.R2(self.penalty))

    def build_loss(self) -> gt.losses.AdversarialLoss:
        return gt.losses.RelativisticPairing()

    def _adam(self, rate: float) -> Any:
        return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, self.steps), beta_1=0.0, beta_2=0.99)


class StackedDCGAN(gt.AdversarialTask):
    """Stacked digits by DCGAN networks of a quarter of the published width."""

    latent_size: int = 64
    generator_decay: float = 0.999
    width: int = 16
    learning_rate: float = 3e-4
    penalty: float = 0.5

    def build_generator(self) -> Any:
        width = self.width
        network: list[Any] = [keras.Input((self.latent_size,)), layers.Dense(7 * 7 * 8 * width, use_bias=False)]
        network += [layers.Reshape((7, 7, 8 * width)), layers.BatchNormalization(), layers.ReLU()]
        network += [layers.Conv2DTranspose(4 * width, 4, strides=2, padding="same", use_bias=False)]
        network += [layers.BatchNormalization(), layers.ReLU()]
        network += [layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")]
        return faster(keras.Sequential(network, name="generator"))

    def build_discriminator(self) -> Any:
        network: list[Any] = [keras.Input((28, 28, 3))]
        for filters in (4 * self.width, 8 * self.width):
            network += [layers.Conv2D(filters, 4, strides=2, padding="same"), layers.LeakyReLU(negative_slope=0.2)]
        return faster(keras.Sequential([*network, layers.Flatten(), layers.Dense(1)], name="discriminator"))

    def build_generator_optimizer(self) -> Any:
        return keras.optimizers.Adam(self.learning_rate, beta_1=0.0, beta_2=0.99)

    def build_discriminator_optimizer(self) -> Any:
        return keras.optimizers.Adam(self.learning_rate, beta_1=0.0, beta_2=0.99)

    def build_penalties(self) -> tuple[gt.losses.Penalty, ...]:
        return (gt.losses.R1(self.penalty), gt.losses.R2(self.penalty))
