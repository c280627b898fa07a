"""A line through the origin, and its gradient in NumPy."""

import keras
import numpy as np
import tensorflow as tf

import gantape as gt
from gantape.steps.checks import check_updates

layers = keras.layers


def linear(trainable: bool = True) -> keras.Model:
    """Two inputs, one output, no bias: w·x."""
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, use_bias=False)])
    model.trainable = trainable
    return model


def squared_error(model):
    """Half the mean squared error of w·x to the sum of x."""

    def loss(batch, rng):
        return gt.Losses({"error": 0.5 * tf.reduce_mean(tf.square(model(batch)[:, 0] - tf.reduce_sum(batch, axis=1)))})

    return loss


def reference_gradient(weights: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """Xᵀ(Xw - Σx) / n."""
    return batch.T @ (batch @ weights - batch.sum(axis=1, keepdims=True)) / len(batch)


def apply(update: gt.Update, batch, step: int = 0):
    check_updates((update,), "a test")
    return update.apply(tf.constant(batch), gt.RandomStreams(0, step), tf.constant(step, tf.int64))
