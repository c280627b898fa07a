"""Layers whose learning does not depend on their size: equalised learning rates, and vectors of fixed length."""

import math
from typing import Any, final

import keras
import tensorflow as tf

from gantape.errors import TaskError
from gantape.steps.losses import upcast
from gantape.types import Tensor


@final
@keras.saving.register_keras_serializable("gantape")
class Equalized(keras.layers.Wrapper):  # type: ignore[misc]
    """A layer whose kernel W, of variance 1/m² at first, is used as g·m/√n · W, and whose bias b as g·m · b.

    n is the number of values that an output is a sum of. With Adam, whose moves do not depend on the size of gradients, all
    layers so learn at the same relative rate, m times the optimizer's.

    Args:
        layer: A convolution or a dense layer.
        gain: g; √2 if a ReLU follows, leaky or not, so that variances stay near 1.
        multiplier: m, the multiplier of the learning rate.
        options: Options of `keras.layers.Layer`.

    Raises:
        TaskError: If the layer is neither.

    References:
        Karras et al. 2018, arXiv 1710.10196, section 4.1; Karras et al. 2019, arXiv 1812.04948, appendix C (multiplier).
    """

    def __init__(self, layer: Any, gain: float = 1.0, multiplier: float = 1.0, **options: Any) -> None:
        if not hasattr(layer, "kernel_initializer") or not (hasattr(layer, "filters") or hasattr(layer, "units")):
            raise TaskError(
                "there is no kernel to scale.",
                where="gantape.layers.Equalized, argument `layer`",
                got=type(layer).__name__,
                do="wrap a convolution or a dense layer.",
            )
        # The kernel is scaled in the precision of the weights, whatever the layer itself computes in.
        super().__init__(layer, **{"dtype": layer.variable_dtype, **options})
        self.gain, self.multiplier = gain, multiplier
        layer.kernel_initializer = keras.initializers.RandomNormal(stddev=1.0 / multiplier)

    def call(self, inputs: Tensor) -> Tensor:
        with keras.StatelessScope(state_mapping=list(zip(self.layer.variables, self.weights_in_use(), strict=True))):
            return self.layer(inputs)

    def weights_in_use(self) -> list[Any]:
        """The values of the variables of the wrapped layer, as it uses them."""
        scale = self.gain * self.multiplier
        fan_in = math.prod(self.layer.kernel.shape) / getattr(self.layer, "filters", getattr(self.layer, "units", None))
        scales = [scale / math.sqrt(fan_in) if variable is self.layer.kernel else scale for variable in self.layer.variables]
        return [factor * variable.value for factor, variable in zip(scales, self.layer.variables, strict=True)]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain, "multiplier": self.multiplier}


@final
@keras.saving.register_keras_serializable("gantape")
class PixelNorm(keras.layers.Layer):  # type: ignore[misc]
    """x / √(mean x² + 1e-8), the mean over the last axis: the channels of a pixel, or the numbers of a latent.

    References:
        Karras et al. 2018, arXiv 1710.10196, section 4.2.
    """

    def call(self, inputs: Tensor) -> Tensor:
        numbers = upcast(inputs)
        scale = tf.math.rsqrt(tf.reduce_mean(tf.square(numbers), axis=-1, keepdims=True) + 1e-8)
        return tf.cast(numbers * scale, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
