"""Normalisation that can be differentiated twice, for penalties on a discriminator's gradient.

`tf.nn.moments` of TensorFlow 2.21, which Keras' own layers call, holds the mean inside the variance constant. That does not
change first derivatives, but second ones: a penalty on a gradient then gets a wrong gradient of its own.
"""

from typing import Any, final

import keras
import tensorflow as tf

from gantape.types import Tensor


@final
@keras.saving.register_keras_serializable("gantape")
class LayerNorm(keras.layers.LayerNormalization):  # type: ignore[misc]
    """`keras.layers.LayerNormalization`: same arguments, weights and, to rounding, outputs; right second derivatives."""

    def call(self, inputs: Tensor) -> Any:
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        if self.rms_scaling:
            return super().call(inputs)
        mean, variance = _moments(inputs, axes)
        outputs = (tf.cast(inputs, mean.dtype) - mean) * tf.math.rsqrt(variance + self.epsilon)
        kept = {axis % len(inputs.shape) for axis in axes}
        shape = [size if axis in kept else 1 for axis, size in enumerate(inputs.shape)]
        if self.gamma is not None:
            outputs = outputs * tf.reshape(tf.cast(self.gamma, mean.dtype), shape)
        if self.beta is not None:
            outputs = outputs + tf.reshape(tf.cast(self.beta, mean.dtype), shape)
        return tf.cast(outputs, self.compute_dtype)


@final
@keras.saving.register_keras_serializable("gantape")
class BatchNorm(keras.layers.BatchNormalization):  # type: ignore[misc]
    """`keras.layers.BatchNormalization`: same arguments, weights and, to rounding, outputs; right second derivatives.

    Scores still depend on the whole batch; see `gantape.losses.squared_gradient_norms`.
    """

    def _moments(self, inputs: Tensor, mask: Any) -> Any:
        if mask is not None or self.synchronized:
            return super()._moments(inputs, mask)
        mean, variance = _moments(inputs, self._reduction_axes)
        return [tf.cast(tf.squeeze(found, self._reduction_axes), inputs.dtype) for found in (mean, variance)]


def _moments(inputs: Tensor, axes: list[int]) -> tuple[Any, Any]:
    """Mean and variance over axes, which are kept, in float32 or better."""
    numbers = tf.cast(inputs, tf.float32) if inputs.dtype.size < tf.float32.size else inputs
    mean = tf.reduce_mean(numbers, axes, keepdims=True)
    return mean, tf.reduce_mean(tf.square(numbers - mean), axes, keepdims=True)
