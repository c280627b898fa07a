"""A residual GAN of square images, in colour or grey, and its blocks."""

from typing import Any

import keras

from gantape.layers import SelfAttention, SpectralNorm, faster
from gantape.losses import AdversarialLoss, Hinge
from gantape.tasks import AdversarialTask, require_positive
from gantape.types import Model
from gantape.zoo.images import SMALLEST, check_image_size, widths_of

ATTENTION_AT = 16

layers = keras.layers


class ResNetGAN(AdversarialTask):
    """A residual GAN of square images of 8×8 pixels and more, whose sides are powers of two.

    Blocks double the image from 4×4, with batch norm, and halve it again, with spectral norm on every kernel. In both networks,
    self-attention follows the block that ends in 16×16. The loss is the hinge; the discriminator has four times the learning
    rate of the generator. The networks are narrower than in the papers, whose learning rates are half as high, and spectral
    norm is left out of the generator. A step takes several times as long as one of `ImageGAN` of the same width.

    Args:
        image_size: Height and width of an image: 8, 16, 32, 64, 128 or another power of two.
        channels: 3 for colour, 1 for grey.
        width: Channels of the blocks next to the image; each halving of the sides doubles them.
        widest: Largest number of channels of a block.

    Raises:
        HyperparameterError: If the size is not a power of two, or below 8.

    References:
        Miyato et al. 2018, arXiv 1802.05957, appendix B.4 (the blocks); Zhang et al. 2019, arXiv 1805.08318 (attention, the two
        learning rates).
    """

    latent_size: int = 64
    generator_decay: float = 0.995
    image_size: int = 64
    channels: int = 3
    width: int = 16
    widest: int = 128
    generator_learning_rate: float = 2e-4
    discriminator_learning_rate: float = 8e-4
    beta_1: float = 0.0
    beta_2: float = 0.9

    def check_hyperparameters(self) -> None:
        super().check_hyperparameters()
        require_positive(self, "width", "widest", "channels")
        check_image_size(self.image_size, type(self).__name__)

    def build_generator(self) -> Model:
        widths = widths_of(self.image_size, self.width, self.widest)
        latents = keras.Input((self.latent_size,))
        hidden = layers.Reshape((SMALLEST, SMALLEST, widths[0]))(layers.Dense(SMALLEST * SMALLEST * widths[0])(latents))
        for width in widths:
            hidden = with_attention(up_block(hidden, width), spectral=False)
        hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
        images = layers.Conv2D(self.channels, 3, padding="same", activation="tanh")(hidden)
        return faster(keras.Model(latents, images, name="generator"))

    def build_discriminator(self) -> Model:
        images = hidden = keras.Input((self.image_size, self.image_size, self.channels))
        for place, width in enumerate(reversed(widths_of(self.image_size, self.width, self.widest))):
            hidden = with_attention(down_block(hidden, width, first=place == 0), spectral=True)
        hidden = layers.Flatten()(layers.ReLU()(hidden))
        return faster(keras.Model(images, SpectralNorm(layers.Dense(1))(hidden), name="discriminator"))

    def build_loss(self) -> AdversarialLoss:
        return Hinge()


def up_block(inputs: Any, width: int) -> Any:
    """Doubles an image: conv(relu(bn(conv(up(relu(bn(x))))))) + up(conv₁(x)), up being nearest neighbours.

    The paper doubles before conv₁, which is 1×1: this is equal, at a quarter of the cost.
    """
    hidden = layers.UpSampling2D()(layers.ReLU()(layers.BatchNormalization()(inputs)))
    hidden = layers.Conv2D(width, 3, padding="same", use_bias=False)(hidden)
    hidden = layers.Conv2D(width, 3, padding="same")(layers.ReLU()(layers.BatchNormalization()(hidden)))
    return layers.Add()([hidden, layers.UpSampling2D()(layers.Conv2D(width, 1)(inputs))])


def down_block(inputs: Any, width: int, *, first: bool) -> Any:
    """Halves an image: pool(conv(relu(conv(relu(x))))) + conv₁(pool(x)), with spectral norm; the first has no relu before.

    Except in the first block, the paper pools after conv₁, which is 1×1: this is equal, at a quarter of the cost.
    """
    hidden = inputs if first else layers.ReLU()(inputs)
    hidden = SpectralNorm(layers.Conv2D(width, 3, padding="same"))(hidden)
    hidden = SpectralNorm(layers.Conv2D(width, 3, padding="same"))(layers.ReLU()(hidden))
    shortcut = SpectralNorm(layers.Conv2D(width, 1))(layers.AveragePooling2D(2)(inputs))
    return layers.Add()([layers.AveragePooling2D(2)(hidden), shortcut])


def with_attention(inputs: Any, *, spectral: bool) -> Any:
    """Self-attention, if the image has 16×16 places."""
    return SelfAttention(spectral)(inputs) if inputs.shape[1] == ATTENTION_AT else inputs
