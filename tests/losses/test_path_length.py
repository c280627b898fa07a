"""Path length regularisation: closed forms for linear generators, its moving average, and its gradient in every mode."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape.errors import HyperparameterError
from gantape.losses import PathLength, path_lengths

RNG = gt.RandomStreams(seed=3)
WEIGHTS = np.random.default_rng(0).normal(size=(5, 4 * 4 * 3)).astype(np.float32)


def linear(latents: Any, training: bool) -> Any:
    assert training
    return tf.reshape(latents @ tf.constant(WEIGHTS), [-1, 4, 4, 3])


def by_layers(styles: Any, training: bool) -> Any:
    """The first style goes through the weights, the second one through three times as large ones."""
    return linear(styles[:, 0] + 3.0 * styles[:, 1], training)


def expected_lengths(count: int) -> Any:
    directions = np.reshape(RNG.normal("directions", [count, 4, 4, 3]), [count, -1]) / 4.0
    return np.linalg.norm(directions @ WEIGHTS.T, axis=1)


def test_lengths_of_a_linear_generator_are_known() -> None:
    np.testing.assert_allclose(path_lengths(linear, tf.zeros([6, 5]), RNG), expected_lengths(6), rtol=1e-5)


def test_the_squares_of_several_layers_are_averaged() -> None:
    found = path_lengths(by_layers, tf.zeros([6, 2, 5]), RNG)
    np.testing.assert_allclose(found, expected_lengths(6) * np.sqrt((1.0 + 9.0) / 2.0), rtol=1e-5)


def test_lengths_of_a_constant_generator_are_almost_zero_with_a_finite_gradient() -> None:
    scale = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(path_lengths(lambda latents, training: scale * linear(latents, training), tf.ones([2, 5]), RNG))
    assert float(total) == pytest.approx(2e-5, rel=1e-3)
    assert np.isfinite(tape.gradient(total, scale))


def test_the_penalty_and_its_moving_average_follow_the_formula() -> None:
    penalty, mean = PathLength(weight=3.0, decay=0.9), 0.0
    for _ in range(3):
        lengths = expected_lengths(6)
        mean = 0.9 * mean + 0.1 * lengths.mean()
        found = penalty(linear, tf.zeros([6, 5]), RNG)
        assert float(found) == pytest.approx(3.0 * np.mean((lengths - mean) ** 2), rel=1e-5)
        assert float(penalty.mean.numpy()) == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("run", [None, False, True])
def test_its_gradient_treats_the_moving_average_as_a_constant(run: bool | None) -> None:
    """For a generator s · (linear one), with lengths s · l: the gradient of mean (s l - a)² is 2 mean (s l - a) l."""
    scale = keras.Variable(2.0)
    penalty = PathLength(weight=1.0, decay=0.5)

    def gradient() -> Any:
        with tf.GradientTape() as tape:
            found = penalty(lambda latents, training: scale.value * linear(latents, training), tf.zeros([6, 5]), RNG)
        return tape.gradient(found, scale.value)

    found = (gradient if run is None else tf.function(gradient, jit_compile=run))()
    lengths = expected_lengths(6)
    assert float(found) == pytest.approx(2.0 * np.mean((2.0 * lengths - lengths.mean()) * lengths), rel=1e-4)


def test_negative_weights_are_refused() -> None:
    with pytest.raises(HyperparameterError, match="PathLength"):
        PathLength(weight=-1.0)
    with pytest.raises(HyperparameterError, match="decay"):
        PathLength(decay=1.0)
