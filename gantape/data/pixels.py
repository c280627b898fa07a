"""From bytes to the numbers that networks see, inside the graph."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from gantape.types import Batch, Tensor


def scale_pixels(low: float = 0.0, high: float = 1.0) -> Callable[[Batch], Batch]:
    """Make a `prepare` that maps the bytes 0..255 to [low, high] in Keras' default float type.

    Every `uint8` tensor of a batch is taken for pixels; all else (labels, floats) is left as it is.
    """

    def prepare(batch: Batch) -> Batch:
        return tf.nest.map_structure(_scale, batch)

    def _scale(leaf: Any) -> Tensor:
        tensor = tf.convert_to_tensor(leaf)
        if tensor.dtype != tf.uint8:
            return tensor
        return tf.cast(tensor, keras.config.floatx()) * ((high - low) / 255.0) + low

    return prepare
