"""Layers by which distant places of an image, or a large and a small image, depend on each other."""

from typing import Any, final

import keras
import tensorflow as tf

from gantape.layers.spectral import SpectralNorm
from gantape.shapes import Images
from gantape.steps.losses import upcast
from gantape.types import Tensor


@final
@keras.saving.register_keras_serializable("gantape")
class SelfAttention(keras.layers.Layer):  # type: ignore[misc]
    """Every place of an image sees all others: x + γ · W_v softmax(f(x) g(x)ᵀ) h(x), with γ = 0 at first.

    f, g, h and W_v are 1×1 convolutions without bias; f and g have an eighth of the channels, h half of them. The results of g
    and h are max-pooled by 2, which saves three quarters of the memory.

    Args:
        spectral: Whether the kernels have spectral norm.
        options: Options of `keras.layers.Layer`.

    References:
        Zhang et al. 2019, arXiv 1805.08318, equations 1 to 3; pooling as in the authors' code.
    """

    def __init__(self, spectral: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.spectral = spectral

    def build(self, input_shape: Any) -> None:
        channels = input_shape[-1]
        eighth, half = max(channels // 8, 1), max(channels // 2, 1)
        self.query, self.key, self.content = (self._pointwise(filters, input_shape) for filters in (eighth, eighth, half))
        self.projection = self._pointwise(channels, (*input_shape[:-1], half))
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def call(self, inputs: Images, training: bool = False) -> Any:
        query = _as_rows(self.query(inputs, training=training))
        key = _as_rows(_pooled(self.key(inputs, training=training)))
        content = _as_rows(_pooled(self.content(inputs, training=training)))
        weights = tf.nn.softmax(upcast(tf.matmul(query, key, transpose_b=True)))
        seen = tf.reshape(tf.cast(weights, content.dtype) @ content, [-1, *inputs.shape[1:-1], content.shape[-1]])
        return inputs + tf.cast(self.gamma, inputs.dtype) * self.projection(seen, training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spectral": self.spectral}

    def _pointwise(self, filters: int, input_shape: Any) -> Any:
        layer: Any = keras.layers.Conv2D(filters, 1, use_bias=False, dtype=self.dtype_policy)
        layer = SpectralNorm(layer) if self.spectral else layer
        layer.build(input_shape)
        return layer


@final
@keras.saving.register_keras_serializable("gantape")
class SkipLayerExcitation(keras.layers.Layer):  # type: ignore[misc]
    """Scales the channels of a large image by what a small one shows: y · sigmoid(W₂ swish(W₁ pool(x))).

    It is called with `[y, x]`, the large image and the small one, whose sides are multiples of 4. x is averaged to 4×4, which
    the kernel of W₁ covers; W₂ is a 1×1 convolution. There are no biases.

    References:
        Liu et al. 2021, arXiv 2101.04775, equation 1; activations as in the authors' code.
    """

    def build(self, input_shape: Any) -> None:
        large, (_, height, width, channels) = input_shape
        self.pool = keras.layers.AveragePooling2D((height // 4, width // 4), dtype=self.dtype_policy)
        self.squeeze = keras.layers.Conv2D(large[-1], 4, use_bias=False, activation="silu", dtype=self.dtype_policy)
        self.excite = keras.layers.Conv2D(large[-1], 1, use_bias=False, activation="sigmoid", dtype=self.dtype_policy)
        self.squeeze.build((None, 4, 4, channels))
        self.excite.build((None, 1, 1, large[-1]))

    def call(self, inputs: Any) -> Any:
        large, small = inputs
        return large * self.excite(self.squeeze(self.pool(small)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]


def _as_rows(images: Images) -> Tensor:
    """Images as `batch places channels`."""
    return tf.reshape(images, [-1, int(images.shape[1]) * int(images.shape[2]), images.shape[-1]])


def _pooled(images: Images) -> Tensor:
    """The maximum of each 2×2 places; XLA has no second derivative of TensorFlow's own operation."""
    height, width, channels = (int(size) for size in images.shape[1:])
    # A repeated last row or column leaves the maximum as it is.
    even = tf.pad(images, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]], "SYMMETRIC")
    blocks = tf.reshape(even, [-1, (height + 1) // 2, 2, (width + 1) // 2, 2, channels])
    return tf.reduce_max(blocks, axis=[2, 4])
