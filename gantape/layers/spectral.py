"""Spectral normalisation that does not overwrite the weights."""

from typing import Any, final

import keras
import tensorflow as tf

from gantape.errors import TaskError
from gantape.types import Tensor, Variable


@final
@keras.saving.register_keras_serializable("gantape")
class SpectralNorm(keras.layers.Wrapper):  # type: ignore[misc]
    """A layer whose kernel is used as W / σ(W), σ its largest singular value, so that its Lipschitz constant is at most 1.

    σ = vᵀ W u with u and v from a power iteration, one round in each pass with `training=True`, and no gradient through u and
    v. Only the optimizer changes W, and the gradient passes through σ, as in the paper. `keras.layers.SpectralNormalization`
    of Keras 3.15 instead overwrites W with W / σ in each such pass, so that a pass in the generator's update changes the
    discriminator's weights. Here such a pass only changes u, which gets closer to the singular vector of the same W.

    Args:
        layer: A layer with a `kernel`, such as a convolution or a dense layer, or with `embeddings`.
        rounds: Rounds of power iteration in a pass.
        options: Options of `keras.layers.Layer`.

    Raises:
        TaskError: If the layer has no such weights.

    References:
        Miyato et al. 2018, arXiv 1802.05957, equations 8 to 12 and algorithm 1.
    """

    def __init__(self, layer: Any, rounds: int = 1, **options: Any) -> None:
        # The norm is computed in the precision of the weights, whatever the layer itself computes in.
        super().__init__(layer, **{"dtype": layer.variable_dtype, **options})
        self.rounds = rounds

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if not hasattr(self.layer, "kernel") and not hasattr(self.layer, "embeddings"):
            raise TaskError(
                "there is no kernel to normalise.",
                where="gantape.layers.SpectralNorm, argument `layer`",
                got=type(self.layer).__name__,
                do="wrap a convolution, a dense layer or an embedding.",
            )
        self.vector = self.add_weight(
            shape=(1, self._weights.shape[-1]), initializer="random_normal", trainable=False, name="singular_vector"
        )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        # Keras' way to call a layer with values other than those of its variables.
        with keras.StatelessScope(state_mapping=[(self._weights, self._normalised(training))]):
            return self.layer(inputs)

    def weights_in_use(self) -> list[Any]:
        """The values of the variables of the wrapped layer, with W / σ(W) in place of W, as `training=False` uses them."""
        return [self._normalised(False) if variable is self._weights else variable.value for variable in self.layer.variables]

    def _normalised(self, training: bool) -> Tensor:
        """W / σ(W), after a round of power iteration that is remembered in training."""
        value = tf.convert_to_tensor(self._weights.value)
        matrix = tf.reshape(value, [-1, value.shape[-1]])
        constant, right = tf.stop_gradient(matrix), tf.cast(self.vector.value, value.dtype)
        for _ in range(self.rounds):
            left = tf.math.l2_normalize(right @ tf.transpose(constant), epsilon=1e-24)
            right = tf.math.l2_normalize(left @ constant, epsilon=1e-24)
        if training:
            self.vector.assign(right)
        norm = tf.squeeze(left @ matrix @ tf.transpose(right))
        return value / tf.maximum(norm, 1e-12)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rounds": self.rounds}

    @property
    def _weights(self) -> Variable:
        found: Any = getattr(self.layer, "kernel", None)
        return self.layer.embeddings if found is None else found
