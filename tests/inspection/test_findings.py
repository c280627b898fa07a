"""Findings in operations: each mistake is found, on the line that makes it, and what is meant is not."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from inspected import findings_of, line_of, named, squared

layers = keras.layers


def broadcast(model, batch, rng):
    difference = batch[1] - model(batch[0])  # every target meets every output
    return tf.reduce_mean(tf.square(difference))


def broadcast_by_keras(model, batch, rng):
    return tf.reduce_mean(keras.ops.square(keras.ops.subtract(model(batch[0]), batch[1])))


def weighted(model, batch, rng):
    losses = tf.square(batch[1][:, None] - model(batch[0]))
    return tf.reduce_mean(losses * tf.abs(batch[1]))


def chosen(model, batch, rng):
    outputs = tf.where(batch[1] > 0.0, model(batch[0]), 0.0)  # a condition for each example
    return tf.reduce_mean(tf.square(outputs))


@pytest.mark.parametrize("loss", [broadcast, broadcast_by_keras, weighted, chosen])
def test_a_column_that_meets_a_row(loss):
    (clue,) = findings_of(named(loss))
    assert "[6, 1] with [6] makes [6, 6]" in clue.what
    assert "batch[" in line_of(clue)


def pairwise(model, batch, rng):
    same = tf.cast(batch[1][:, None] > batch[1], tf.float32)
    scores = tf.squeeze(model(batch[0]), 1)
    return tf.reduce_mean(same * (scores[:, None] - scores[None, :])) + tf.reduce_mean(tf.expand_dims(scores, 1) * scores)


@pytest.mark.parametrize("loss", [squared, pairwise])
def test_pairs_that_are_meant_are_no_finding(loss):
    assert not findings_of(named(loss))


def numpy_noise(model, batch, rng):
    noise = np.random.normal(size=(6, 4)).astype("float32")
    return squared(model, (batch[0] + noise, batch[1]), rng)


def python_number(model, batch, rng):
    return random.random() * squared(model, batch, rng)


class Counting:
    """A weight that is meant to grow."""

    steps = 0

    def __call__(self, model, batch, rng):
        self.steps += 1
        return squared(model, batch, rng) * (0.1 * self.steps)


def coin(model, batch, rng):
    inputs = batch[0] if random.random() < 2.0 else -batch[0]  # never the other
    return squared(model, (inputs, batch[1]), rng)


@pytest.mark.parametrize("loss", [numpy_noise, python_number, Counting(), coin])
def test_numbers_of_python_are_frozen(loss):
    (clue,) = findings_of(named(loss))
    assert "second trace" in clue.what
    assert (__file__ in clue.where) == (loss is not coin)


def test_numbers_of_tensorflow_s_own():
    def noisy(model, batch, rng):
        return squared(model, (batch[0] + tf.random.normal([6, 4]), batch[1]), rng)

    (clue,) = findings_of(named(noisy))
    assert "RandomStandardNormal" in clue.what
    assert "tf.random.normal" in line_of(clue)


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("softmax", lambda outputs: tf.nn.sparse_softmax_cross_entropy_with_logits(tf.zeros(6, tf.int32), outputs)),
        ("softmax", lambda outputs: tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(tf.zeros(6, tf.int32), 3), outputs)),
        ("sigmoid", lambda outputs: tf.nn.sigmoid_cross_entropy_with_logits(tf.zeros_like(outputs), outputs)),
    ],
)
def test_probabilities_for_logits(activation, function):
    def loss(model, batch, rng):
        return tf.reduce_mean(function(model(batch[0])))

    def model(last=activation):
        return lambda: keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Activation(last)])

    (clue,) = findings_of(named(loss), model())
    assert f"second {activation}" in clue.what
    assert not findings_of(named(loss), model("linear"))
