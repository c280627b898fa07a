"""A GAN of square images in colour or grey, whose networks are as deep as the image size requires."""

import math
from typing import Any

import keras

from gantape.errors import HyperparameterError
from gantape.layers import MinibatchDeviation, faster
from gantape.losses import R1, Lazy, Penalty
from gantape.tasks import AdversarialTask, require_positive
from gantape.types import Model

SMALLEST = 4
GAIN = math.sqrt(2.0)
"""The gain of leaky ReLUs: it commutes with them, so that it scales kernels, biases and strengths before them."""

layers = keras.layers


class ImageGAN(AdversarialTask):
    """A deep convolutional GAN of square images of 8×8 pixels and more, whose sides are powers of two.

    The generator doubles 4×4 up to the image log₂(size/4) times, by nearest neighbours, each time followed by a convolution,
    and batch norm; a last convolution gives the colours. Transposed convolutions would leave a grid. The discriminator halves
    images as often by convolutions, without batch norm; `MinibatchDeviation` precedes its last layers. The loss is
    non-saturating, with R1 in every 16th step. Samples come from the generator's moving average.

    Args:
        image_size: Height and width of an image: 8, 16, 32, 64, 128 or another power of two.
        channels: 3 for colour, 1 for grey.
        width: Channels of the layers at half the image size; each halving of the sides doubles them, and the generator has half
            as many at full size.
        widest: Largest number of channels of a layer.
        penalty_weight: γ of R1.

    Raises:
        HyperparameterError: If the size is not a power of two, or below 8.

    References:
        Radford et al. 2016, arXiv 1511.06434; Odena et al. 2016, doi 10.23915/distill.00003 (the grid); Mescheder et al. 2018,
        arXiv 1801.04406 (R1); Karras et al. 2018, arXiv 1710.10196 (deviation, moving average), and 2020, arXiv 1912.04958 (a
        penalty in every 16th step).
    """

    latent_size: int = 64
    generator_decay: float = 0.995
    image_size: int = 64
    channels: int = 3
    width: int = 16
    widest: int = 128
    penalty_weight: float = 1.0
    learning_rate: float = 1e-3

    def check_hyperparameters(self) -> None:
        super().check_hyperparameters()
        require_positive(self, "width", "widest", "channels")
        check_image_size(self.image_size, type(self).__name__)

    def build_generator(self) -> Model:
        widths = widths_of(self.image_size, self.width, self.widest)
        network = [
            keras.Input((self.latent_size,)),
            layers.Dense(SMALLEST * SMALLEST * widths[0], use_bias=False),
            layers.Reshape((SMALLEST, SMALLEST, widths[0])),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
        for width in (*widths[1:], max(self.width // 2, 1)):
            network += [
                layers.UpSampling2D(),
                layers.Conv2D(width, 3, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.ReLU(),
            ]
        network += [layers.Conv2D(self.channels, 3, padding="same", activation="tanh")]
        return faster(keras.Sequential(network, name="generator"))

    def build_discriminator(self) -> Model:
        network = [keras.Input((self.image_size, self.image_size, self.channels))]
        for width in reversed(widths_of(self.image_size, self.width, self.widest)):
            network += [layers.Conv2D(width, 4, strides=2, padding="same"), layers.LeakyReLU(negative_slope=0.2)]
        network += [MinibatchDeviation(), layers.Conv2D(self.widest, 3, padding="same"), layers.LeakyReLU(negative_slope=0.2)]
        return faster(keras.Sequential([*network, layers.Flatten(), layers.Dense(1)], name="discriminator"))

    def build_penalties(self) -> tuple[Penalty, ...]:
        return (Lazy(R1(self.penalty_weight), every=16),)


def check_image_size(size: int, task: str, *, field: str = "image_size", smallest: int = 2 * SMALLEST) -> None:
    """Raise a `HyperparameterError` unless the size is a power of two of at least `smallest`."""
    if size < smallest or size & (size - 1):
        raise HyperparameterError(
            f"the size of an image is not a power of two of at least {smallest}.",
            where=f"{task}, field `{field}`",
            got=repr(size),
            do="use 64, for example; images in a folder are resized.",
        )


def widths_of(image_size: int, width: int, widest: int) -> list[int]:
    """Channels of the layers from 4×4 to half the image size: each halving of the sides doubles them, up to `widest`."""
    doublings = (image_size // SMALLEST).bit_length() - 1
    return [min(width * 2**halvings, widest) for halvings in reversed(range(doublings))]


def activated(hidden: Any) -> Any:
    """The leaky ReLU of the paper on progressive growing, with a slope of 0.2 below zero."""
    return layers.LeakyReLU(negative_slope=0.2)(hidden)
