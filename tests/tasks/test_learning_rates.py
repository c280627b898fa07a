"""The learning rate of an optimizer, whatever holds it."""

import keras
import pytest
import tensorflow as tf

from gantape.tasks.variables import learning_rate_of


def test_a_learning_rate_is_a_number_whatever_holds_it() -> None:
    assert learning_rate_of(keras.optimizers.SGD(0.25)) == 0.25
    decay = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
    assert learning_rate_of(keras.optimizers.SGD(decay)) == 0.5
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.125))
    assert learning_rate_of(scaled) == pytest.approx(0.125)
    assert learning_rate_of(object()) is None


def test_a_learning_rate_with_a_copy_on_each_replica_is_a_number() -> None:
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        optimizer = keras.optimizers.SGD(0.25)
    assert learning_rate_of(optimizer) == 0.25
