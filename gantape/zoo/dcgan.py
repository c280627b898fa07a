"""Deep convolutional GANs of 28×28 images: a light one, and that of the Keras guide.

Their networks are built from Keras' layers and converted by `gantape.layers.faster`, which does not change the outputs.
"""

from typing import ClassVar

import keras

from gantape.augment import Augmentation, InstanceNoise
from gantape.layers import faster
from gantape.losses import AdversarialLoss, NoisyLabels
from gantape.tasks import AdversarialTask, require_not_negative, require_positive
from gantape.types import Model
from gantape.zoo.networks import digit_discriminator, digit_generator


class DCGAN(AdversarialTask):
    """A light deep convolutional GAN, which learns to make digits in minutes on a laptop's CPU.

    Both networks have two convolutions, and a dense layer between them and the latent or the score. Both have batch norm;
    without it in the discriminator, training diverges at such a high learning rate. Real and generated examples are normalised
    separately. Normal noise is added to every example that the discriminator sees; without it, the discriminator sometimes
    separates all of them in the first few hundred steps, and the generator only makes noise. Samples come from the generator's
    moving average.

    Args:
        width: Base number of channels; those of each layer are a multiple of it.
        hidden_units: Units of the dense layers.
        instance_noise: Standard deviation of the noise on the discriminator's input, for pixels from -1 to 1; 0 for none.

    References:
        Radford et al. 2016, arXiv 1511.06434; Chen et al. 2016, arXiv 1606.03657, appendix C.1 (the dense layers);
        Karras et al. 2018, arXiv 1710.10196 (moving average); Sønderby et al. 2017, arXiv 1610.04490 (instance noise).
    """

    latent_size: int = 64
    generator_decay: float = 0.999
    width: int = 16
    hidden_units: int = 256
    learning_rate: float = 2e-3
    instance_noise: float = 0.3

    def check_hyperparameters(self) -> None:
        super().check_hyperparameters()
        require_positive(self, "width", "hidden_units")
        require_not_negative(self, "instance_noise")

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width, hidden_units=self.hidden_units)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width, hidden_units=self.hidden_units, norm="batch")

    def build_augmentations(self) -> tuple[Augmentation, ...]:
        return (InstanceNoise(self.instance_noise, steps=None),) if self.instance_noise else ()


class GuideDCGAN(AdversarialTask):
    """The GAN of the Keras guide, network for network: 74,625 and 1,339,905 parameters, noisy reversed labels, one joint batch.

    Args:
        label_noise: Width of the uniform noise on the labels.

    References:
        Chollet, Writing a training loop from scratch in TensorFlow, keras.io.
    """

    latent_size: int = 128
    joint_batch: bool = True
    discriminator_learning_rate: float = 3e-4
    generator_learning_rate: float = 4e-4
    beta_1: float = 0.9
    label_noise: float = 0.05

    pixels: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def build_discriminator(self) -> Model:
        layers = keras.layers
        network = keras.Sequential(
            [
                keras.Input(shape=(28, 28, 1)),
                layers.Conv2D(64, (3, 3), strides=(2, 2), padding="same"),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Conv2D(128, (3, 3), strides=(2, 2), padding="same"),
                layers.LeakyReLU(negative_slope=0.2),
                layers.GlobalMaxPooling2D(),
                layers.Dense(1),
            ],
            name="discriminator",
        )
        return faster(network)

    def build_generator(self) -> Model:
        layers = keras.layers
        network = keras.Sequential(
            [
                keras.Input(shape=(self.latent_size,)),
                layers.Dense(7 * 7 * 128),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Reshape((7, 7, 128)),
                layers.Conv2DTranspose(128, (4, 4), strides=(2, 2), padding="same"),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Conv2DTranspose(128, (4, 4), strides=(2, 2), padding="same"),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Conv2D(1, (7, 7), padding="same", activation="sigmoid"),
            ],
            name="generator",
        )
        return faster(network)

    def build_loss(self) -> AdversarialLoss:
        return NoisyLabels(self.label_noise)
