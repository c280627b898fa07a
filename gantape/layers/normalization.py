"""Normalisation with correct second derivatives, for penalties on a discriminator's gradient, and faster in a graph.

`tf.nn.moments` of TensorFlow 2.21, which Keras' own layers call, treats the mean inside the variance as a constant. First
derivatives are not affected, but second ones are: the gradient of a gradient penalty is wrong.
"""

from typing import Any, final

import keras
import tensorflow as tf

from gantape._tensorflow import in_xla
from gantape.types import Tensor


@final
@keras.saving.register_keras_serializable("gantape")
class LayerNorm(keras.layers.LayerNormalization):  # type: ignore[misc]
    """`keras.layers.LayerNormalization`: same arguments, weights and, to rounding, outputs; correct second derivatives."""

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
    """`keras.layers.BatchNormalization`: same arguments, weights and, to rounding, outputs; correct second derivatives.

    In a graph it normalises images with one fused operation instead of Keras' six; XLA fuses either. Scores still depend on
    the whole batch; see `gantape.losses.squared_gradient_norms`.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and self.trainable and mask is None and self._is_fused(inputs)):
            return super().call(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.ones([channels]) if self.gamma is None else tf.convert_to_tensor(self.gamma),
            offset=tf.zeros([channels]) if self.beta is None else tf.convert_to_tensor(self.beta),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
        )
        # The operation returns the unbiased variance, N / (N - 1) times the one that it normalises by.
        count = tf.cast(tf.size(inputs, tf.int64) // channels, tf.float32)
        for moving, found in ((self.moving_mean, mean), (self.moving_variance, variance * (1.0 - 1.0 / count))):
            moving.assign(moving * self.momentum + found * (1.0 - self.momentum))
        return outputs

    def _is_fused(self, inputs: Tensor) -> bool:
        plain = inputs.shape.rank == 4 and self.axis in (-1, 3) and not (self.synchronized or getattr(self, "renorm", False))
        in_graph = not tf.executing_eagerly() and not in_xla()
        return plain and in_graph and inputs.shape[-1] is not None and inputs.dtype == tf.float32 == self.variable_dtype

    def _moments(self, inputs: Tensor, mask: Any) -> Any:
        if mask is not None or self.synchronized:
            return super()._moments(inputs, mask)
        mean, variance = _moments(inputs, self._reduction_axes)
        return [tf.cast(tf.squeeze(found, self._reduction_axes), inputs.dtype) for found in (mean, variance)]


def _moments(inputs: Tensor, axes: list[int]) -> tuple[Any, Any]:
    """Mean and variance over axes, which are kept with size 1, in float32 or better."""
    numbers = tf.cast(inputs, tf.float32) if inputs.dtype.size < tf.float32.size else inputs
    mean = tf.reduce_mean(numbers, axes, keepdims=True)
    return mean, tf.reduce_mean(tf.square(numbers - mean), axes, keepdims=True)
