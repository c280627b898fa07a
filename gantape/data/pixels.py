"""Scaling of bytes to floats, inside the graph."""

from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape.types import Batch, Tensor


@attrs.frozen
class ScalePixels:
    """Maps the bytes 0..255 of a batch to [low, high]. Made by `gantape.data.scale_pixels`."""

    low: float
    high: float

    def __call__(self, batch: Batch) -> Batch:
        """Scale the `uint8` tensors of a batch."""
        return tf.nest.map_structure(self._scale, batch)

    def _scale(self, leaf: Any) -> Tensor:
        tensor = tf.convert_to_tensor(leaf)
        if tensor.dtype != tf.uint8:
            return tensor
        return tf.cast(tensor, keras.config.floatx()) * ((self.high - self.low) / 255.0) + self.low


def scale_pixels(low: float = 0.0, high: float = 1.0) -> ScalePixels:
    """Make a `prepare` that maps the bytes 0..255 to [low, high] in Keras' default float type.

    Every `uint8` tensor of a batch is taken as pixels; other tensors (labels, floats) are not changed.
    """
    return ScalePixels(low, high)
