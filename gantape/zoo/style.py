"""A style-based GAN of square images, in colour or grey."""

import functools
import itertools
import math
from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape.conditioning import Conditioning
from gantape.layers import (
    Equalized,
    FastConv2D,
    FilteredResampling2D,
    LearnedConstant,
    MinibatchDeviation,
    ModulatedConv2D,
    NoiseInput,
    NoiseMaps,
    PixelNorm,
)
from gantape.losses import R1, Lazy, PathLength, Penalty
from gantape.random.rng import RandomStreams
from gantape.shapes import Images, sizes_of
from gantape.steps.losses import Losses
from gantape.steps.step import Update
from gantape.tasks import AdversarialTask, Part, require_positive
from gantape.types import Batch, Model, Tensor
from gantape.zoo.images import GAIN, SMALLEST, activated, check_image_size, widths_of

PATH_LENGTH_EVERY = 4
PENALTY_EVERY = 16

layers = keras.layers


class StyleGAN2(AdversarialTask):
    """StyleGAN2 with few channels, for square images of 8×8 pixels and more, whose sides are powers of two.

    A mapping network turns latents into styles, which modulate the convolutions of the synthesis network. It doubles a learned
    constant of 4×4 up to the image; each size adds its colours to the enlarged image of the size before. The discriminator is
    residual. Learning rates are equalised. In training, most images have the styles of two latents, one for the coarse layers
    and one for the fine ones, and every layer adds noise. The loss is non-saturating, with R1 in every 16th step and path
    length regularisation in every fourth, on half of a batch, of each replica's part, rounded up. Samples come from the
    generator's moving average, with fixed noise. Colours are not bounded: what lies outside of the range is clipped in
    pictures.

    Adam's settings are not changed for the lazy terms, there is no truncation, and the mapping network has four layers, not
    eight.

    Args:
        image_size: Height and width of an image: 8, 16, 32, 64, 128 or another power of two.
        channels: 3 for colour, 1 for grey.
        style_size: Size of a style.
        width: Channels of the layers at full size; each halving of the sides doubles them.
        widest: Largest number of channels of a layer.
        mapping_layers: Layers of the mapping network, which learn at a hundredth of the learning rate.
        mixing: Probability of an image to have two styles.
        penalty_weight: γ of R1.
        path_weight: Weight of the path length regularisation; 0 for none.

    Raises:
        HyperparameterError: If the size is not a power of two, or below 8.

    References:
        Karras et al. 2020, arXiv 1912.04958, and 2019, arXiv 1812.04948 (mapping, mixing, noise).
    """

    latent_size: int = 128
    generator_decay: float = 0.995
    image_size: int = 64
    channels: int = 3
    style_size: int = 128
    width: int = 16
    widest: int = 128
    mapping_layers: int = 4
    mixing: float = 0.9
    penalty_weight: float = 1.0
    path_weight: float = 2.0
    learning_rate: float = 2e-3
    beta_1: float = 0.0
    beta_2: float = 0.99

    path_length = Part[PathLength]()

    def check_hyperparameters(self) -> None:
        super().check_hyperparameters()
        require_positive(self, "width", "widest", "channels", "style_size", "mapping_layers")
        check_image_size(self.image_size, type(self).__name__)

    def build_generator(self) -> Model:
        latents = keras.Input((self.latent_size,))
        mapping, synthesis = self._mapping(), self._synthesis()
        styles = layers.RepeatVector(synthesis.input_shape[1])(mapping(latents))
        return keras.Model(latents, synthesis(styles), name="generator")

    def build_discriminator(self) -> Model:
        widths = widths_of(2 * self.image_size, self.width, self.widest)[::-1]
        images = keras.Input((self.image_size, self.image_size, self.channels))
        hidden = activated(Equalized(FastConv2D(widths[0], 1), GAIN)(images))
        for width, wider in itertools.pairwise(widths):
            hidden = down_block(hidden, width, wider)
        hidden = activated(Equalized(FastConv2D(widths[-1], 3, padding="same"), GAIN)(MinibatchDeviation()(hidden)))
        hidden = activated(Equalized(layers.Dense(widths[-1]), GAIN)(layers.Flatten()(hidden)))
        return keras.Model(images, Equalized(layers.Dense(1))(hidden), name="discriminator")

    def build_penalties(self) -> tuple[Penalty, ...]:
        return (Lazy(R1(self.penalty_weight), every=PENALTY_EVERY),)

    def build_path_length(self) -> PathLength:
        """The regularisation of path lengths, with its moving average."""
        return PathLength(self.path_weight)

    def updates(self) -> tuple[Update, ...]:
        discriminator, generator = super().updates()
        lazy = {"path_length": PATH_LENGTH_EVERY} if self.path_weight else {}
        return discriminator, attrs.evolve(generator, lazy=lazy)

    def generator_loss(self, batch: Batch, rng: RandomStreams) -> Losses:
        losses = super().generator_loss(batch, rng)
        if not self.path_weight:
            return losses
        count = (sizes_of(self.real_examples(batch))[0] + 1) // 2
        term = functools.partial(self._path_length, count, rng.stream("path_length"))
        return attrs.evolve(losses, terms={**losses.terms, "path_length": term})

    def generate_in_training(self, count: int, conditioning: Conditioning, rng: RandomStreams) -> Images:
        return self._network("synthesis")(self.mixed_styles(count, rng), training=True)

    def mixed_styles(self, count: int, rng: RandomStreams) -> Tensor:
        """A style for each layer, `count layers style`: those of a second latent from a random layer on, if at all."""
        mapping, number = self._network("mapping"), self._network("synthesis").input_shape[1]
        first, second = (mapping(self.latents(count, rng, name), training=True)[:, None] for name in ("latent", "other latent"))
        from_layer = 1 + rng.integers("layer", [count, 1, 1], number - 1)
        mixed = tf.less(rng.uniform("mixed", [count, 1, 1]), self.mixing)
        is_second = tf.logical_and(mixed, tf.range(number)[None, :, None] >= from_layer)
        return tf.where(is_second, second, first)

    def _path_length(self, count: int, rng: RandomStreams) -> Tensor:
        return self.path_length(self._network("synthesis"), self.mixed_styles(count, rng), rng)

    def _network(self, name: str) -> Any:
        generator: Any = self.generator
        return generator.get_layer(name)

    def _mapping(self) -> Any:
        network = [keras.Input((self.latent_size,)), PixelNorm()]
        for _ in range(self.mapping_layers):
            network += [Equalized(layers.Dense(self.style_size), GAIN, multiplier=0.01), layers.LeakyReLU(negative_slope=0.2)]
        return keras.Sequential(network, name="mapping")

    def _synthesis(self) -> Any:
        widths = widths_of(2 * self.image_size, self.width, self.widest)
        styles = keras.Input((2 * len(widths), self.style_size))
        first, *noise = NoiseMaps([SMALLEST, *(SMALLEST * 2**place for place in range(1, len(widths)) for _ in range(2))])(
            styles
        )
        hidden = styled(LearnedConstant(SMALLEST, widths[0])(styles), styles[:, 0], first, widths[0])
        images = self._colours(hidden, styles[:, 1])
        for place, width in enumerate(widths[1:]):
            hidden = styled(hidden, styles[:, 2 * place + 1], noise[2 * place], width, upsample=True)
            hidden = styled(hidden, styles[:, 2 * place + 2], noise[2 * place + 1], width)
            larger = FilteredResampling2D(up=2, padding=(2, 1))(images)
            images = layers.Add()([larger, self._colours(hidden, styles[:, 2 * place + 3])])
        return keras.Model(styles, images, name="synthesis")

    def _colours(self, hidden: Any, style: Any) -> Any:
        return ModulatedConv2D(self.channels, 1, demodulate=False)([hidden, style])


def styled(images: Any, style: Any, noise: Any, width: int, *, upsample: bool = False) -> Any:
    """A modulated convolution, noise, a bias, and a leaky ReLU times √2: √2 lrelu(conv(x) + noise + bias)."""
    return activated(NoiseInput(GAIN)([ModulatedConv2D(width, 3, upsample=upsample, gain=GAIN)([images, style]), noise]))


def down_block(images: Any, width: int, wider: int) -> Any:
    """Halves an image: (lrelu(conv(lrelu(conv(x)))) + conv₁(x)) / √2, with a filter before what leaves out pixels."""
    hidden = activated(Equalized(FastConv2D(width, 3, padding="same"), GAIN)(images))
    hidden = FilteredResampling2D(padding=(2, 2))(hidden)
    hidden = activated(Equalized(FastConv2D(wider, 3, strides=2), GAIN / math.sqrt(2.0))(hidden))
    shortcut = Equalized(FastConv2D(wider, 1, use_bias=False), 1.0 / math.sqrt(2.0))
    return layers.Add()([hidden, shortcut(FilteredResampling2D(down=2)(images))])
