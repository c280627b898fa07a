"""A GAN for few images: excitation of skip layers in both networks, and a discriminator that learns to describe images."""

from collections.abc import Sequence
from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape.augment import Augmentation, Brightness, Contrast, Saturation, Translation
from gantape.errors import HyperparameterError
from gantape.layers import NoiseInput, NoiseMaps, SkipLayerExcitation, SpectralNorm, faster
from gantape.losses import AdversarialLoss, DiscriminatorOutput, Hinge, OutputTerms
from gantape.random.rng import RandomStreams
from gantape.steps.losses import Terms
from gantape.tasks import AdversarialTask, Part, require_positive
from gantape.types import Model, Tensor
from gantape.zoo.images import SMALLEST, check_image_size

PART_AT, WHOLE_AT = 16, 8
"""Height and width of the features from which a quarter of an image and the whole image are decoded."""

layers = keras.layers


class FastGAN(AdversarialTask):
    """A GAN of square images of 32×32 pixels and more, for folders of a hundred to a few thousand images.

    The generator doubles the image from 4×4 by convolutions with batch norm and gated linear units, in every other block two of
    them with noise. Features of 4×4 and more excite the channels of features that are 16 times as large, or 8 times for images
    of 32×32. The discriminator, with spectral norm and batch norm, halves the image to 8×8 and scores 5×5 overlapping parts of
    it. From its features of real images, decoders make the whole image and a random quarter of it, at half the image size; the
    error is a term of its loss, so that it has to see all of an image. The loss is the hinge; every image that the
    discriminator sees is moved and changed in colour. Samples come from the generator's moving average.

    The networks are those of the paper's figures 3 and 4, narrower, without spectral norm in generator and decoders. In the
    authors' code the discriminator has a second, small path, and the decoders' error is a perceptual distance, for which
    weights of a classifier have to be downloaded; here it is the mean absolute difference.

    Args:
        image_size: Height and width of an image: 32, 64, 128, 256 or another power of two.
        channels: 3 for colour, 1 for grey.
        width: Channels of the largest features; each halving of the sides doubles them.
        widest: Largest number of channels.
        reconstruction_weight: The factor of the decoders' error in the discriminator's loss.
        augment: Whether images are moved and changed in colour before the discriminator sees them.

    Raises:
        HyperparameterError: If the size is not a power of two, or below 32.

    References:
        Liu et al. 2021, arXiv 2101.04775; Zhao et al. 2020, arXiv 2006.10738 (the augmentations).
    """

    latent_size: int = 64
    generator_decay: float = 0.995
    image_size: int = 64
    channels: int = 3
    width: int = 8
    widest: int = 128
    reconstruction_weight: float = 1.0
    augment: bool = True

    decoders = Part[Model]()

    def check_hyperparameters(self) -> None:
        super().check_hyperparameters()
        require_positive(self, "width", "widest", "channels", "reconstruction_weight")
        check_image_size(self.image_size, type(self).__name__)
        if self.image_size < 2 * PART_AT:
            raise HyperparameterError(
                "the image is smaller than the features from which parts of it are decoded.",
                where=f"{type(self).__name__}, field `image_size`",
                got=repr(self.image_size),
                do="use 32 or more, or gantape.zoo.ImageGAN.",
            )

    def build_generator(self) -> Model:
        latents = keras.Input((self.latent_size,))
        width = self._width_at(SMALLEST)
        hidden = layers.Dense(SMALLEST * SMALLEST * 2 * width, use_bias=False)(latents)
        hidden = layers.Reshape((SMALLEST, SMALLEST, 2 * width))(hidden)
        seen = {SMALLEST: keras.activations.glu(layers.BatchNormalization()(hidden))}
        distance = min(16, self.image_size // SMALLEST)
        noisy = self._sizes(SMALLEST)[::2]
        maps = NoiseMaps([size for size in noisy for _ in range(2)])(latents)
        noise = {size: maps[2 * place : 2 * place + 2] for place, size in enumerate(noisy)}
        for size in self._sizes(SMALLEST):
            hidden = up_block(seen[size // 2], self._width_at(size), noise.get(size, ()))
            small = seen.get(size // distance)
            seen[size] = hidden if small is None else SkipLayerExcitation()([hidden, small])
        images = layers.Conv2D(self.channels, 3, padding="same", activation="tanh")(seen[self.image_size])
        return faster(keras.Model(latents, images, name="generator"))

    def build_discriminator(self) -> Model:
        images = keras.Input((self.image_size, self.image_size, self.channels))
        hidden = SpectralNorm(layers.Conv2D(self.width, 3, padding="same", use_bias=False))(images)
        seen = {self.image_size: layers.LeakyReLU(negative_slope=0.2)(hidden)}
        for size in reversed(self._sizes(WHOLE_AT // 2)[:-1]):
            hidden = down_block(seen[2 * size], self._width_at(size))
            large = seen.get(8 * size)
            seen[size] = hidden if large is None else SkipLayerExcitation()([hidden, large])
        hidden = _convolved(seen[WHOLE_AT], self._width_at(WHOLE_AT), 1)
        scores = SpectralNorm(layers.Conv2D(1, 4, use_bias=False))(hidden)
        return faster(keras.Model(images, [scores, seen[PART_AT], seen[WHOLE_AT]], name="discriminator"))

    def build_decoders(self) -> Model:
        """From features of a quarter of an image, and of a whole one, to images of half the image size, both 8×8."""
        features = [keras.Input((WHOLE_AT, WHOLE_AT, self._width_at(size))) for size in (PART_AT, WHOLE_AT)]
        found = []
        for hidden in features:
            for size in self._sizes(WHOLE_AT)[:-1]:
                hidden = up_block(hidden, self._width_at(2 * size))
            found.append(layers.Conv2D(self.channels, 3, padding="same", activation="tanh")(hidden))
        return faster(keras.Model(features, found, name="decoders"))

    def build_loss(self) -> AdversarialLoss:
        return Hinge()

    def build_output_terms(self) -> tuple[OutputTerms, ...]:
        return (Reconstruction(self.decoders, self.reconstruction_weight),)

    def build_augmentations(self) -> tuple[Augmentation, ...]:
        return (Brightness(), Saturation(), Contrast(), Translation()) if self.augment else ()

    def _width_at(self, size: int) -> int:
        return min(self.width * self.image_size // size, self.widest)

    def _sizes(self, above: int) -> list[int]:
        """The sizes above one, up to that of the image, each twice the one before."""
        doublings = (self.image_size // above).bit_length()
        return [above * 2**doubling for doubling in range(1, doublings)]


@attrs.frozen(eq=False)
class Reconstruction(OutputTerms):
    """Decoders make real images again from the discriminator's features: λ · (mean |whole - image| + mean |part - quarter|).

    The whole image is averaged to half its size, the quarter is cut out of it at random, the same for all images of a batch.

    Args:
        decoders: Called with features of a quarter and of a whole image, in this order; returns images of half the size.
        weight: λ.

    References:
        Liu et al. 2021, arXiv 2101.04775, equation 2 and figure 4.
    """

    decoders: Model
    weight: float = 1.0

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.decoders,)

    def discriminator(self, real: DiscriminatorOutput, fake: DiscriminatorOutput, rng: RandomStreams) -> Terms:
        for_part, for_whole = real.auxiliary
        quarter = rng.integers("quarter", [], 4)
        decoders: Any = self.decoders
        part, whole = decoders([quarter_of(for_part, quarter), for_whole], training=True)
        wanted = quarter_of(real.examples, quarter), tf.nn.avg_pool2d(real.examples, 2, 2, "VALID")
        errors = [
            tf.reduce_mean(tf.abs(tf.cast(made, image.dtype) - image))
            for made, image in zip((part, whole), wanted, strict=True)
        ]
        return {"reconstruction": self.weight * (errors[0] + errors[1])}

    def generator(self, real: DiscriminatorOutput | None, fake: DiscriminatorOutput, rng: RandomStreams) -> Terms:
        return {}


def quarter_of(images: Tensor, quarter: Tensor) -> Tensor:
    """A quarter of each image: 0 and 1 are the upper ones, 2 and 3 the lower ones, left before right."""
    quarters = tf.stack([half for rows in tf.split(images, 2, axis=1) for half in tf.split(rows, 2, axis=2)])
    return tf.tensordot(tf.one_hot(quarter, 4, dtype=images.dtype), quarters, 1)


def up_block(inputs: Any, width: int, noise: Sequence[Any] = ()) -> Any:
    """Doubles an image: glu(bn(conv(up(x)))), up being nearest neighbours; with noise, two such convolutions, noise before bn.

    Args:
        inputs: Images, symbolic.
        width: Channels of the output; the convolutions have twice as many.
        noise: Two maps of noise of the size of the output, one for each of two convolutions; none for one convolution.
    """
    hidden = layers.UpSampling2D()(inputs)
    for added in noise or (None,):
        hidden = layers.Conv2D(2 * width, 3, padding="same", use_bias=False)(hidden)
        hidden = hidden if added is None else NoiseInput()([hidden, added])
        hidden = keras.activations.glu(layers.BatchNormalization()(hidden))
    return hidden


def down_block(inputs: Any, width: int) -> Any:
    """Halves an image: the mean of lrelu(bn(conv₃(lrelu(bn(conv₄(x)))))) and lrelu(bn(conv₁(pool(x)))), conv₄ with stride 2."""
    hidden = _convolved(_convolved(inputs, width, 4, strides=2), width, 3)
    return layers.Average()([hidden, _convolved(layers.AveragePooling2D(2)(inputs), width, 1)])


def _convolved(inputs: Any, width: int, kernel: int, strides: int = 1) -> Any:
    kernels = layers.Conv2D(width, kernel, strides=strides, padding="same", use_bias=False)
    return layers.LeakyReLU(negative_slope=0.2)(layers.BatchNormalization()(SpectralNorm(kernels)(inputs)))
