"""A layer that fades from one input to another, for networks that grow."""

from typing import Any, final

import keras
import tensorflow as tf

from gantape.types import Tensor


@final
@keras.saving.register_keras_serializable("gantape")
class FadeIn(keras.layers.Layer):  # type: ignore[misc]
    """(1 - α) · old + α · new, called with `[old, new]`, which have the same shape; exactly one of them if α is 0 or 1.

    α is a variable, 0 at first, which no gradient moves: a task assigns it in its losses, such as `layer.alpha.assign(...)`.
    It is saved with the model.

    References:
        Karras et al. 2018, arXiv 1710.10196, figure 2.
    """

    def build(self, input_shape: Any) -> None:
        self.alpha = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="alpha", aggregation="only_first_replica"
        )

    def call(self, inputs: Any) -> Tensor:
        old, new = inputs
        alpha = tf.cast(self.alpha, new.dtype)
        return (1.0 - alpha) * old + alpha * new

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[1]
