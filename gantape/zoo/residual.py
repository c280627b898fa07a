"""A residual GAN of square images, in colour or grey, and its blocks."""

from typing import Any

import keras

from gantape.conditioning import ClassLabels, Condition
from gantape.layers import ConditionalBatchNorm, SelfAttention, SpectralNorm, faster
from gantape.losses import AdversarialLoss, Hinge
from gantape.tasks import AdversarialTask, require_positive
from gantape.types import Model
from gantape.zoo.images import SMALLEST, check_image_size, widths_of

ATTENTION_FROM = 64
"""The smallest images whose networks have self-attention."""

layers = keras.layers


class ResNetGAN(AdversarialTask):
    """A residual GAN of square images of 8×8 pixels and more, whose sides are powers of two.

    Blocks double the image from 4×4, with batch norm, and halve it again, with spectral norm on every kernel. From 64×64 on,
    self-attention follows the block that ends in a quarter of the size, at most 32×32, in both networks. With classes, batch
    norm in the generator is conditional, and the discriminator projects the class (a batch is images and labels). The loss is
    the hinge; the discriminator has four times the learning rate of the generator. The networks are narrower than in the
    papers, whose learning rates are half as high, and spectral norm is left out of the generator. A step takes several times as
    long as one of `ImageGAN` of the same width.

    Args:
        image_size: Height and width of an image: 8, 16, 32, 64, 128 or another power of two.
        channels: 3 for colour, 1 for grey.
        width: Channels of the blocks next to the image; each halving of the sides doubles them.
        widest: Largest number of channels of a block.
        classes: Number of classes; 0 for images without labels.

    Raises:
        HyperparameterError: If the size is not a power of two, or below 8.

    References:
        Miyato et al. 2018, arXiv 1802.05957, appendix B.4 (the blocks); Zhang et al. 2019, arXiv 1805.08318 (attention, the two
        learning rates); Miyato and Koyama 2018, arXiv 1802.05637 (classes).
    """

    latent_size: int = 64
    generator_decay: float = 0.995
    image_size: int = 64
    channels: int = 3
    width: int = 16
    widest: int = 128
    classes: int = 0
    generator_learning_rate: float = 2e-4
    discriminator_learning_rate: float = 8e-4
    beta_1: float = 0.0
    beta_2: float = 0.9

    def check_hyperparameters(self) -> None:
        super().check_hyperparameters()
        require_positive(self, "width", "widest", "channels")
        check_image_size(self.image_size, type(self).__name__)

    def build_condition(self) -> Condition:
        return ClassLabels(self.classes) if self.classes else super().build_condition()

    def build_generator(self) -> Model:
        widths = widths_of(self.image_size, self.width, self.widest)
        latents, labels = keras.Input((self.latent_size,)), self._labels()
        hidden = layers.Reshape((SMALLEST, SMALLEST, widths[0]))(layers.Dense(SMALLEST * SMALLEST * widths[0])(latents))
        for width in widths:
            hidden = self._with_attention(up_block(hidden, width, labels, self.classes), spectral=False)
        hidden = layers.ReLU()(normalised(hidden, labels, self.classes))
        images = layers.Conv2D(self.channels, 3, padding="same", activation="tanh")(hidden)
        return faster(keras.Model([latents, labels] if self.classes else latents, images, name="generator"))

    def build_discriminator(self) -> Model:
        images = hidden = keras.Input((self.image_size, self.image_size, self.channels))
        labels = self._labels()
        for place, width in enumerate(reversed(widths_of(self.image_size, self.width, self.widest))):
            hidden = self._with_attention(down_block(hidden, width, first=place == 0), spectral=True)
        features = layers.Flatten()(layers.ReLU()(hidden))
        scores = SpectralNorm(layers.Dense(1))(features)
        if self.classes:
            embedded = SpectralNorm(layers.Embedding(self.classes, features.shape[-1]))(labels)
            scores = layers.Add()([scores, layers.Dot(axes=1)([features, embedded])])
        return faster(keras.Model([images, labels] if self.classes else images, scores, name="discriminator"))

    def build_loss(self) -> AdversarialLoss:
        return Hinge()

    def _labels(self) -> Any:
        return keras.Input((), dtype="int32") if self.classes else None

    def _with_attention(self, inputs: Any, *, spectral: bool) -> Any:
        attended = self.image_size >= ATTENTION_FROM and inputs.shape[1] == min(self.image_size // 4, 32)
        return SelfAttention(spectral)(inputs) if attended else inputs


def up_block(inputs: Any, width: int, labels: Any = None, classes: int = 0) -> Any:
    """Doubles an image: conv(relu(bn(conv(up(relu(bn(x))))))) + up(conv₁(x)), up being nearest neighbours.

    The paper doubles before conv₁, which is 1×1: this is equal, at a quarter of the cost.
    """
    hidden = layers.UpSampling2D()(layers.ReLU()(normalised(inputs, labels, classes)))
    hidden = layers.Conv2D(width, 3, padding="same", use_bias=False)(hidden)
    hidden = layers.Conv2D(width, 3, padding="same")(layers.ReLU()(normalised(hidden, labels, classes)))
    return layers.Add()([hidden, layers.UpSampling2D()(layers.Conv2D(width, 1)(inputs))])


def normalised(inputs: Any, labels: Any = None, classes: int = 0) -> Any:
    """Batch norm, of labels if there are classes."""
    return ConditionalBatchNorm(classes)([inputs, labels]) if classes else layers.BatchNormalization()(inputs)


def down_block(inputs: Any, width: int, *, first: bool) -> Any:
    """Halves an image: pool(conv(relu(conv(relu(x))))) + conv₁(pool(x)), with spectral norm; the first has no relu before.

    Except in the first block, the paper pools after conv₁, which is 1×1: this is equal, at a quarter of the cost.
    """
    hidden = inputs if first else layers.ReLU()(inputs)
    hidden = SpectralNorm(layers.Conv2D(width, 3, padding="same"))(hidden)
    hidden = SpectralNorm(layers.Conv2D(width, 3, padding="same"))(layers.ReLU()(hidden))
    shortcut = SpectralNorm(layers.Conv2D(width, 1))(layers.AveragePooling2D(2)(inputs))
    return layers.Add()([layers.AveragePooling2D(2)(hidden), shortcut])
