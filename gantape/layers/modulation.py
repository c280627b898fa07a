"""Convolutions whose kernel depends on the example."""

from typing import Any, final

import keras
import tensorflow as tf

from gantape.layers.convolutional import FastConv2D

EPSILON = 1e-8


@final
@keras.saving.register_keras_serializable("gantape")
class ModulatedConv2D(keras.layers.Layer):  # type: ignore[misc]
    """A convolution, padded to the same size, whose kernel is scaled for each example by a style and then normalised.

    It is called with `[images, styles]`, `batch height width channels` and `batch style`. A dense layer, with biases of 1 at
    first, maps the style to a factor s_i for each input channel i. The kernel is w'_ijk = s_i w_ijk / √(Σ_ik (s_i w_ijk)² + ε),
    for output channel j and places k, so that an output has variance 1 if inputs have. Factors and norms are applied to inputs
    and outputs: this is equal, and one convolution for the whole batch.

    Args:
        filters: Output channels.
        kernel_size: Height and width of the kernel.
        demodulate: Whether the kernel is normalised; not in layers that make colours.
        options: Options of `keras.layers.Layer`.

    References:
        Karras et al. 2020, arXiv 1912.04958, equations 1 and 3.
    """

    def __init__(self, filters: int, kernel_size: int = 3, demodulate: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.filters, self.kernel_size, self.demodulate = filters, kernel_size, demodulate

    def build(self, input_shape: Any) -> None:
        images, styles = input_shape
        options = {"padding": "same", "use_bias": False, "dtype": self.dtype_policy}
        self.convolution = FastConv2D(self.filters, self.kernel_size, **options)
        self.affine = keras.layers.Dense(images[-1], bias_initializer="ones", dtype=self.dtype_policy)
        self.convolution.build(images)
        self.affine.build(styles)

    def call(self, inputs: Any) -> Any:
        images, styles = inputs
        factors = self.affine(styles)
        outputs = self.convolution(images * factors[:, None, None, :])
        if not self.demodulate:
            return outputs
        kernel = tf.convert_to_tensor(self.convolution.kernel.value)
        squares = tf.reduce_sum(tf.square(kernel), axis=[0, 1])
        norms = tf.math.rsqrt(tf.square(tf.cast(factors, squares.dtype)) @ squares + EPSILON)
        return outputs * tf.cast(norms[:, None, None, :], outputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "demodulate": self.demodulate}
        return {**super().get_config(), **own}
