"""Layers that let a discriminator compare several examples, and so detect a lack of variety."""

from typing import Any, final

import keras
import tensorflow as tf

from gantape.errors import ShapeError
from gantape.shapes import Images, axes_of, describe
from gantape.types import Tensor


@final
@keras.saving.register_keras_serializable("gantape")
class MinibatchDeviation(keras.layers.Layer):  # type: ignore[misc]
    """Appends a channel with the standard deviation of the images of a group.

    The deviation of every value over a group, √(mean (x - mean)² + ε), is averaged to one number, the same at all places. If
    the batch is not a multiple of `group`, the group size is the next smaller number that divides it.

    A group is spread over the batch: of n examples, those whose indices differ by multiples of n / `group`. Replicas group
    their own parts of a batch, and so do accumulated gradients. The groups are then others than those of one device and one
    batch, and so are the scores, though not their distribution; with groups of 1, scores are equal.

    Args:
        group: Examples in a group.
        options: Options of `keras.layers.Layer`.

    References:
        Karras et al. 2018, arXiv 1710.10196, section 3; groups of 4 as in their code.
    """

    def __init__(self, group: int = 4, **options: Any) -> None:
        super().__init__(**options)
        self.group = group

    def call(self, inputs: Images) -> Images:
        count, height, width, channels = axes_of(inputs)
        if count is None:  # as in an exported model, whose batches have any size
            count, sizes = tf.shape(inputs)[0], tf.range(1, self.group + 1)
            group: Any = tf.reduce_max(tf.where(count % sizes == 0, sizes, 1))
        else:
            group = next(size for size in range(min(self.group, count), 0, -1) if count % size == 0)
        values = tf.cast(tf.reshape(inputs, [group, count // group, height, width, channels]), tf.float32)
        variance = tf.reduce_mean(tf.square(values - tf.reduce_mean(values, axis=0)), axis=0)
        # The epsilon keeps the gradient of the root finite where all images are equal.
        deviation = tf.reduce_mean(tf.sqrt(variance + 1e-8), axis=[1, 2, 3])
        channel = tf.tile(tf.reshape(deviation, [count // group, 1, 1, 1]), [group, height, width, 1])
        channel.set_shape([None, height, width, 1])
        return tf.concat([inputs, tf.cast(channel, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "group": self.group}


@final
@keras.saving.register_keras_serializable("gantape")
class Pack(keras.layers.Layer):  # type: ignore[misc]
    """Concatenates `size` examples along the last axis: the first layer of a packed discriminator (PacGAN).

    A batch of n examples becomes n / size packs, and the discriminator scores packs, in which it detects a lack of variety.

    Args:
        size: Examples in a pack.
        options: Options of `keras.layers.Layer`.

    Raises:
        ShapeError: If a batch is not a whole number of packs; Keras 3.15 reraises it as a `RuntimeError` with the same text.

    References:
        Lin et al. 2018, arXiv 1712.04086.
    """

    def __init__(self, size: int = 2, **options: Any) -> None:
        super().__init__(**options)
        self.size = size

    def call(self, inputs: Tensor) -> Tensor:
        axes = axes_of(inputs)
        if axes[0] is not None and axes[0] % self.size:
            raise ShapeError(
                "a batch is not a whole number of packs.",
                where="gantape.layers.Pack, argument `inputs`",
                got=f"{describe(inputs)}, packs of {self.size}",
                do=f"choose a batch size that is a multiple of {self.size}.",
            )
        # Pack p holds the examples p, p + n/size, ...: neighbours in a batch stay in different packs.
        parts = tf.reshape(inputs, [self.size, -1, *axes[1:]])
        return tf.concat(tf.unstack(parts, num=self.size), axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        count = None if input_shape[0] is None else input_shape[0] // self.size
        return (count, *input_shape[1:-1], self.size * input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
