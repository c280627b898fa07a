"""A `GradientError` says where the path of the gradient ends."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape.errors import CompileError, GradientError

layers = keras.layers


def outputs(model, batch):
    return model(batch, training=True)


def rounded(model, batch):
    return tf.round(outputs(model, batch))  # here


def by_class(model, batch):
    return tf.cast(tf.argmax(outputs(model, batch), axis=1), tf.float32)  # here


def looked_up(model, batch):
    row = tf.argmax(outputs(model, batch), axis=1)  # here
    return tf.gather(tf.range(2.0), row)


def cast(model, batch):
    whole = tf.cast(outputs(model, batch), tf.int32)  # here
    return tf.cast(whole, tf.float32)


def stopped(model, batch):
    return tf.stop_gradient(outputs(model, batch))  # here


def compared(model, batch):
    return tf.cast(outputs(model, batch) > 0.0, tf.float32)  # here


def by_keras(model, batch):
    return keras.ops.round(outputs(model, batch))  # here


def by_numpy(model, batch):
    return tf.numpy_function(np.square, [outputs(model, batch)], tf.float32)  # here


CUTS = [
    (rounded, "tf.round"),
    (by_class, "tf.argmax"),
    (looked_up, "tf.argmax"),
    (cast, "a cast from float32 to int32"),
    (stopped, "tf.stop_gradient"),
    (compared, "Greater"),
    (by_keras, "tf.round"),
    (by_numpy, "PyFunc"),
]


def marked_line(function):
    """The number of the line of a function that is marked."""
    lines = enumerate(Path(__file__).read_text().splitlines(), 1)
    with_comment = [number for number, line in lines if line.endswith("# here")]
    return next(number for number in with_comment if number > function.__code__.co_firstlineno)


def error_of(loss, mode, model=None):
    """The error of a first step with a loss."""

    class Cut(gt.Task):
        def build_model(self):
            return keras.Sequential([keras.Input((3,)), layers.BatchNormalization(), layers.Dense(2)])

        def build_other(self):
            return keras.Sequential([keras.Input((3,)), layers.Dense(2)])

        def build_optimizer(self):
            return keras.optimizers.SGD(0.1)

        def loss(self, batch, rng):
            return gt.Losses({"error": tf.reduce_mean(loss(self.model, batch))})

        def updates(self):
            return (gt.Update("model", self.loss, (getattr(self, model or "model"),), self.optimizer),)

    data = gt.data.from_arrays(np.ones((8, 3), "float32"), batch_size=4)
    with pytest.raises((GradientError, CompileError)) as caught:
        gt.Loop(Cut(), compiler=gt.StepCompiler(mode), progress=False).run(data, steps=1)
    return caught.value


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize(("loss", "operation"), CUTS, ids=[loss.__name__ for loss, _ in CUTS])
def test_the_operation_and_the_line_are_named(loss, operation, mode):
    error = error_of(loss, mode)
    assert isinstance(error, GradientError)
    assert f"cut by {operation}, {__file__}:{marked_line(loss)}, in {loss.__name__}" in error.got


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_model_that_is_not_called_is_named(mode):
    error = error_of(outputs, mode, model="other")
    assert "the loss does not call it" in error.got


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_model_whose_outputs_are_not_used(mode):
    def ignored(model, batch):
        outputs(model, batch)
        return batch

    assert "does not depend on what it returns" in error_of(ignored, mode).got


def test_a_path_that_leaves_tensorflow_is_named_in_eager_mode():
    def left(model, batch):
        return tf.constant(outputs(model, batch).numpy())  # here

    error = error_of(left, "eager")
    assert f"leaves TensorFlow at {__file__}:{marked_line(left)}" in error.got


def test_a_function_compiled_in_the_loss_is_the_cut():
    @tf.function
    def inner(values):
        return tf.round(values)

    def compiled(model, batch):
        return inner(outputs(model, batch))  # here

    assert f"{__file__}:{marked_line(compiled)}" in error_of(compiled, "graph").got
