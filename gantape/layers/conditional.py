"""Normalisation that depends on a class or on a vector."""

from typing import Any, final

import keras
import tensorflow as tf

from gantape.layers.normalization import BatchNorm
from gantape.types import Tensor


@final
@keras.saving.register_keras_serializable("gantape")
class ConditionalBatchNorm(keras.layers.Layer):  # type: ignore[misc]
    """Batch norm whose scale and offset depend on a condition c: (1 + γ(c)) · x̂ + β(c), with γ and β 0 at first.

    It is called with `[inputs, condition]`, `batch ... channels` and integer labels `batch`, or vectors `batch features`. The
    statistics are those of the whole batch, whatever its classes.

    Args:
        classes: Number of classes, each with a γ and a β of its own; 0 for vectors, of which γ and β are linear functions.
        momentum: Decay of the moving statistics, as in `keras.layers.BatchNormalization`.
        epsilon: Added to the variance.
        options: Options of `keras.layers.Layer`.

    References:
        de Vries et al. 2017, arXiv 1707.00683, section 3.1; Miyato and Koyama 2018, arXiv 1802.05637 (classes);
        Brock et al. 2019, arXiv 1809.11096, appendix B.1 (vectors).
    """

    def __init__(self, classes: int = 0, momentum: float = 0.99, epsilon: float = 1e-3, **options: Any) -> None:
        super().__init__(**options)
        self.classes, self.momentum, self.epsilon = classes, momentum, epsilon

    def build(self, input_shape: Any) -> None:
        inputs, condition = input_shape
        options = {"momentum": self.momentum, "epsilon": self.epsilon, "center": False, "scale": False}
        self.norm = BatchNorm(**options, dtype=self.dtype_policy)
        self.norm.build(inputs)
        self.scale, self.offset = self._function(inputs[-1], condition), self._function(inputs[-1], condition)

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        images, condition = inputs
        shape = [-1, *[1] * (len(images.shape) - 2), images.shape[-1]]
        scale, offset = (tf.reshape(function(condition), shape) for function in (self.scale, self.offset))
        return self.norm(images, training=training) * (1.0 + scale) + offset

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        own = {"classes": self.classes, "momentum": self.momentum, "epsilon": self.epsilon}
        return {**super().get_config(), **own}

    def _function(self, channels: int, condition: Any) -> Any:
        """A function of the condition, zero at first."""
        options: dict[str, Any] = {"dtype": self.dtype_policy}
        if self.classes:
            function: Any = keras.layers.Embedding(self.classes, channels, embeddings_initializer="zeros", **options)
        else:
            function = keras.layers.Dense(channels, use_bias=False, kernel_initializer="zeros", **options)
        function.build(condition)
        return function
