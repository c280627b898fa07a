"""Keras' convolutions with faster algorithms, used where they were measured to be faster."""

from typing import Any, final

import keras
import tensorflow as tf

from gantape.layers.choice import columns_win, doubling_wins, measured, phases_win
from gantape.layers.columns import convolve_by_columns
from gantape.layers.geometry import Strides, Window
from gantape.layers.phases import convolve, convolve_doubled, convolve_transposed
from gantape.shapes import Images
from gantape.types import Tensor

DOUBLED_FROM = "_gantape_doubled_from"
"""An attribute of doubled images: the images before. Keras attaches masks to tensors in the same way."""


@final
@keras.saving.register_keras_serializable("gantape")
class FastConv2D(keras.layers.Conv2D):  # type: ignore[misc]
    """`keras.layers.Conv2D` with the same arguments, weights and, to rounding, outputs.

    With stride 1 and few filters it is one matrix product whose columns are shifted and summed; with larger strides its
    gradient with respect to the images is computed by phases. A 3×3 convolution of what a `FastUpSampling2D` has doubled is
    computed from the images before, where that was measured to be faster. Elsewhere it is Keras' own.
    """

    def convolution_op(self, inputs: Images, kernel: Tensor) -> Images:
        kernel = _value(kernel)
        plain = self.data_format == "channels_last" and self.groups == 1 and max(self.dilation_rate) == 1
        if plain and measured(inputs):
            small = getattr(inputs, DOUBLED_FROM, None)
            same = (self.kernel_size, self.strides, self.padding) == ((3, 3), (1, 1), "same")
            if small is not None and same and doubling_wins(tuple(small.shape[1:3])):
                return convolve_doubled(small, kernel)
            channels, sizes = inputs.shape[-1], tuple(inputs.shape[1:3])
            strides = Strides(self.kernel_size, self.strides, sizes, self.padding)
            if max(self.strides) == 1 and columns_win(self.kernel_size, channels, self.filters):
                return convolve_by_columns(inputs, kernel, Window.of(self.kernel_size, sizes, self.padding))
            if phases_win(strides, self.filters, channels):
                return convolve(inputs, kernel, strides)
        return super().convolution_op(inputs, kernel)


@final
@keras.saving.register_keras_serializable("gantape")
class FastConv2DTranspose(keras.layers.Conv2DTranspose):  # type: ignore[misc]
    """`keras.layers.Conv2DTranspose` with the same arguments, weights and, to rounding, outputs.

    It is computed by phases (see `gantape.layers.phases`) where that was measured to be faster; elsewhere it is Keras' own.
    """

    def call(self, inputs: Images) -> Any:
        plain = self.data_format == "channels_last" and self.output_padding is None and max(self.dilation_rate) == 1
        if plain and measured(inputs):
            strides = Strides.of_transpose(self.kernel_size, self.strides, tuple(inputs.shape[1:3]), self.padding)
            if phases_win(strides, inputs.shape[-1], self.filters):
                outputs = convolve_transposed(inputs, _value(self.kernel), strides)
                if self.use_bias:
                    outputs = outputs + _value(self.bias)
                return outputs if self.activation is None else self.activation(outputs)
        return super().call(inputs)


@final
@keras.saving.register_keras_serializable("gantape")
class FastUpSampling2D(keras.layers.UpSampling2D):  # type: ignore[misc]
    """`keras.layers.UpSampling2D` with the same arguments and outputs, which a `FastConv2D` after it need not compute.

    That is so for images that are doubled by nearest neighbours; other images are Keras' own.
    """

    def call(self, inputs: Images) -> Any:
        outputs = super().call(inputs)
        doubles = (self.size, self.interpolation, self.data_format) == ((2, 2), "nearest", "channels_last")
        if doubles and measured(inputs):
            setattr(outputs, DOUBLED_FROM, inputs)
        return outputs


def _value(variable: Any) -> Tensor:
    """A variable's value as a tensor in the layer's precision; without a cast, Keras returns the variable itself."""
    return tf.convert_to_tensor(keras.ops.convert_to_tensor(variable))
