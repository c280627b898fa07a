"""Random detail: noise that a generator adds to its features."""

import random
from typing import Any, final

import keras
import tensorflow as tf

from gantape.random.rng import RandomStreams
from gantape.shapes import Images

WORD = 2**31


@final
@keras.saving.register_keras_serializable("gantape")
class NoiseInjection(keras.layers.Layer):  # type: ignore[misc]
    """Adds normal noise, one number for each place, times a learnt weight: x + w · N(0, 1), with w = 0 at first.

    With `training=False` nothing is added, so that an image follows from its latents. The numbers are the same in every mode
    and on any number of devices; like those of Keras' dropout, they follow from a state that each call in training moves on,
    and that is saved with the model.

    References:
        Karras et al. 2019, arXiv 1812.04948, section 2; one weight for all channels as in Liu et al. 2021, arXiv 2101.04775.
    """

    def build(self, input_shape: Any) -> None:
        self.weight = self.add_weight(shape=(), initializer="zeros", name="weight")
        self.state = self.add_weight(
            shape=(2,),
            initializer=lambda _, dtype: tf.constant([random.randrange(WORD), 0], dtype),
            dtype="int64",
            trainable=False,
            aggregation="only_first_replica",
            name="seed_and_calls",
        )

    def call(self, inputs: Images, training: bool = False) -> Any:
        if not training:
            return inputs
        seed, calls = tf.unstack(tf.convert_to_tensor(self.state.value))
        self.state.assign(tf.stack([seed, calls + 1]))
        noise = RandomStreams(0, step=seed * WORD + calls).normal("noise", [*tf.unstack(tf.shape(inputs)[:-1]), 1])
        return inputs + tf.cast(self.weight, inputs.dtype) * tf.cast(noise, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
