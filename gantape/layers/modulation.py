"""The layers of a style-based generator: modulated convolutions, noise, and a learned constant."""

import math
from collections.abc import Sequence
from typing import Any, final

import keras
import tensorflow as tf

from gantape.layers.convolutional import FastConv2D, FastConv2DTranspose
from gantape.layers.equalized import Equalized
from gantape.layers.resampling import resample
from gantape.random.rng import RandomStreams
from gantape.shapes import sizes_of
from gantape.types import Tensor

EPSILON = 1e-8


@final
@keras.saving.register_keras_serializable("gantape")
class ModulatedConv2D(keras.layers.Layer):  # type: ignore[misc]
    """A convolution, padded to the same size, whose kernel is scaled for each example by a style and then normalised.

    It is called with `[images, styles]`, `batch height width channels` and `batch style`. A dense layer, with biases of 1 at
    first, maps the style to a factor s_i for each input channel i. For output channel j and places k, the kernel is
    w'_ijk = g s_i w_ijk / √(Σ_ik (s_i w_ijk)² + ε), so that an output has variance g² if inputs have 1. g times a bias is
    added. Factors and norms are applied to inputs and outputs: this is equal, and one convolution for the whole batch. Learning
    rates are equalised, see `Equalized`; without demodulation the kernel is w'_ijk = g s_i w_ijk / √n, for sums of n values.

    Args:
        filters: Output channels.
        kernel_size: Height and width of the kernel.
        demodulate: Whether the kernel is normalised; not in layers that make colours.
        upsample: Whether images are doubled, by a transposed convolution and the filter of `FilteredResampling2D`.
        gain: g; √2 if a leaky ReLU follows.
        options: Options of `keras.layers.Layer`.

    References:
        Karras et al. 2020, arXiv 1912.04958, equations 1 and 3, and figure 2d.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        demodulate: bool = True,
        upsample: bool = False,
        gain: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.filters, self.kernel_size, self.demodulate = filters, kernel_size, demodulate
        self.upsample, self.gain = upsample, gain

    def build(self, input_shape: Any) -> None:
        images, styles = input_shape
        options = {
            "use_bias": False,
            "dtype": self.dtype_policy,
            "kernel_initializer": keras.initializers.RandomNormal(stddev=1.0),
        }
        if self.upsample:
            self.convolution: Any = FastConv2DTranspose(self.filters, self.kernel_size, strides=2, padding="valid", **options)
        else:
            self.convolution = FastConv2D(self.filters, self.kernel_size, padding="same", **options)
        self.affine = Equalized(keras.layers.Dense(images[-1], bias_initializer="ones", dtype=self.dtype_policy))
        self.convolution.build(images)
        self.affine.build(styles)
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        images, styles = inputs
        kernel = tf.convert_to_tensor(self.convolution.kernel.value)
        factors = self.affine(styles) / math.sqrt(math.prod(kernel.shape) / self.filters)
        outputs = self.convolution(images * tf.cast(factors[:, None, None, :], images.dtype))
        if self.upsample:
            # The transposed convolution makes max(kernel size - 2, 0) pixels too many, the filter takes 3 away.
            missing = 5 - max(self.kernel_size, 2)
            outputs = resample(outputs, 1, 1, ((missing + 1) // 2, missing // 2))
        gains: Any = self.gain * (4.0 if self.upsample else 1.0)
        if self.demodulate:
            squares = tf.reduce_sum(tf.square(kernel), axis=[0, 1])
            squares = tf.transpose(squares) if self.upsample else squares
            norms = tf.math.rsqrt(tf.square(tf.cast(factors, squares.dtype)) @ squares + EPSILON)
            gains = gains * norms[:, None, None, :]
        return outputs * tf.cast(gains, outputs.dtype) + self.gain * tf.cast(self.bias, outputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape[0]
        return (batch, 2 * height, 2 * width, self.filters) if self.upsample else (batch, height, width, self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "demodulate": self.demodulate}
        return {**super().get_config(), **own, "upsample": self.upsample, "gain": self.gain}


@final
@keras.saving.register_keras_serializable("gantape")
class NoiseMaps(keras.layers.Layer):  # type: ignore[misc]
    """Maps of normal noise for the layers of a synthesis network, drawn at once: one `batch size size 1` for each size.

    In training every example gets maps of its own in each pass. With `training=False` all get the same maps, drawn once and
    saved, so that images depend on latents alone. Noise is the same in every mode, and for any number of replicas. The values
    of the inputs are not used, only their number.

    Args:
        sizes: Height and width of each map.
        seed: The seed of the noise in training; by default a random one, which is reproducible after
            `keras.utils.set_random_seed`.
        options: Options of `keras.layers.Layer`.

    References:
        Karras et al. 2019, arXiv 1812.04948, section 3.2.
    """

    def __init__(self, sizes: Sequence[int], seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.sizes, self.seed = tuple(sizes), seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        shape, normal = (1, sum(size**2 for size in self.sizes)), keras.initializers.RandomNormal(stddev=1.0)
        self.constant = self.add_weight(shape=shape, initializer=normal, trainable=False, name="noise")

    def call(self, inputs: Tensor, training: bool = False) -> Any:
        numbers = (
            self._fresh(inputs) if training else tf.repeat(tf.convert_to_tensor(self.constant), tf.shape(inputs)[0], axis=0)
        )
        maps = tf.split(tf.cast(numbers, self.compute_dtype), [size**2 for size in self.sizes], axis=1)
        return [tf.reshape(part, [-1, size, size, 1]) for part, size in zip(maps, self.sizes, strict=True)]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return [(input_shape[0], size, size, 1) for size in self.sizes]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sizes": self.sizes, "seed": self.seed}

    def _fresh(self, inputs: Tensor) -> Tensor:
        seed, place = tf.unstack(tf.cast(self.seed_generator.next(), tf.int64))
        # Keras counts the passes in the second number.
        rng = RandomStreams(0, (seed % 2**31) * 2**32 + place)
        return rng.normal("noise", [sizes_of(inputs)[0], self.constant.shape[1]])


@final
@keras.saving.register_keras_serializable("gantape")
class NoiseInput(keras.layers.Layer):  # type: ignore[misc]
    """Adds g times a learned strength, 0 at first, times noise to all channels; called with `[images, noise]`, see `NoiseMaps`.

    Args:
        gain: g; √2 if a leaky ReLU follows, as in `ModulatedConv2D`.
        options: Options of `keras.layers.Layer`.

    References:
        Karras et al. 2019, arXiv 1812.04948, section 3.2; one strength for all channels as in their later code.
    """

    def __init__(self, gain: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.gain = gain

    def build(self, input_shape: Any) -> None:
        self.strength = self.add_weight(shape=(), initializer="zeros", name="strength")

    def call(self, inputs: Any) -> Any:
        images, noise = inputs
        return images + noise * (self.gain * tf.cast(self.strength, noise.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


@final
@keras.saving.register_keras_serializable("gantape")
class LearnedConstant(keras.layers.Layer):  # type: ignore[misc]
    """A learned image, the same for each example of the inputs, whose values are not used: where a synthesis begins.

    Args:
        size: Height and width.
        channels: Channels.
        options: Options of `keras.layers.Layer`.

    References:
        Karras et al. 2019, arXiv 1812.04948, section 2.
    """

    def __init__(self, size: int, channels: int, **options: Any) -> None:
        super().__init__(**options)
        self.size, self.channels = size, channels

    def build(self, input_shape: Any) -> None:
        shape = (1, self.size, self.size, self.channels)
        self.constant = self.add_weight(shape=shape, initializer=keras.initializers.RandomNormal(stddev=1.0), name="constant")

    def call(self, inputs: Tensor) -> Any:
        return tf.tile(tf.convert_to_tensor(self.constant), [sizes_of(inputs)[0], 1, 1, 1])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], self.size, self.size, self.channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "channels": self.channels}
