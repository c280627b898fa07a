"""What tests of faster layers share: outputs and derivatives, compared up to rounding, and a choice of what computes them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

TOLERANCE = 1e-11  # in float64, relative to the largest number


def random(*shape: int, dtype: str = "float64") -> tf.Tensor:
    return tf.constant(np.random.default_rng(sum(shape)).normal(size=shape), dtype)


def assert_close(found: Any, expected: Any, tolerance: float = TOLERANCE) -> None:
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.shape == other.shape
        assert np.abs(one - other).max(initial=0.0) <= tolerance * max(1.0, np.abs(other).max(initial=0.0))


def derivatives(function: Callable[..., tf.Tensor], *inputs: tf.Tensor) -> tuple[Any, ...]:
    """Outputs, gradients of a function of them that is not linear, and gradients of such a function of the gradients."""
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            outputs = function(*inputs)
            loss = tf.reduce_sum(tf.sin(outputs))
        gradients = inner.gradient(loss, inputs)
        second_loss = sum(tf.reduce_sum(tf.cos(gradient)) for gradient in gradients)
    return outputs, gradients, outer.gradient(second_loss, inputs)


@contextmanager
def choosing(*, phases: bool = True, columns: bool = True, few: bool = False) -> Iterator[None]:
    """What the layers choose, whatever measured better."""
    with (
        mock.patch("gantape.layers.convolutional.phases_win", return_value=phases),
        mock.patch("gantape.layers.convolutional.columns_win", return_value=columns),
        mock.patch("gantape.layers.phases.phases_are_few", return_value=few),
    ):
        yield
