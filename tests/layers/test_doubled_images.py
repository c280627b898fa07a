"""A convolution of doubled images is computed from the images before: outputs, gradients, and gradients of gradients."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_comparison import assert_close, derivatives, random

from gantape.layers import faster
from gantape.layers.choice import doubling_wins
from gantape.layers.phases import convolve_doubled


def in_a_graph(model: Any, images: tf.Tensor, *, xla: bool = False) -> Any:
    """The derivatives of a model in compiled code, the only place where it is another than Keras' own."""
    weights = [*map(tf.convert_to_tensor, model.get_weights())]
    function = lambda images, *weights: model.stateless_call(weights, [], images)[0]  # noqa: E731
    return tf.function(lambda *values: derivatives(function, *values), jit_compile=xla)(images, *weights)


@given(st.tuples(st.integers(1, 8), st.integers(1, 8)), st.integers(1, 3), st.integers(1, 3), st.booleans())
@settings(deadline=None, max_examples=40, derandomize=True)
def test_a_convolution_of_doubled_images_is_tensorflow_own(size: Any, channels_in: int, filters: int, few: bool) -> None:
    inputs = random(2, *size, channels_in), random(3, 3, channels_in, filters)
    with mock.patch("gantape.layers.phases.phases_are_few", return_value=few):
        found = derivatives(convolve_doubled, *inputs)
    assert_close(found, derivatives(lambda *given: tf.nn.conv2d(doubled(given[0]), given[1], 1, "SAME"), *inputs))


def doubled(images: tf.Tensor) -> tf.Tensor:
    return tf.repeat(tf.repeat(images, 2, 1), 2, 2)


def up(size: int = 2, **options: Any) -> Any:
    return keras.layers.UpSampling2D(size, dtype="float64", **options)


def convolution(kernel_size: int = 3, strides: int = 1, padding: str = "same") -> Any:
    options = {"bias_initializer": "normal", "activation": "tanh", "dtype": "float64"}
    return keras.layers.Conv2D(2, kernel_size, strides, padding, **options)


DOUBLING: dict[str, tuple[Callable[[], list[Any]], int]] = {
    "doubled": (lambda: [up(), convolution()], 1),
    "doubled twice": (lambda: [up(), convolution(), up(), convolution()], 2),
    "a layer between": (lambda: [up(), keras.layers.ReLU(dtype="float64"), convolution()], 0),
    "tripled": (lambda: [up(3), convolution()], 0),
    "bilinear": (lambda: [up(interpolation="bilinear"), convolution()], 0),
    "another kernel": (lambda: [up(), convolution(5)], 0),
    "a stride": (lambda: [up(), convolution(strides=2)], 0),
    "without padding": (lambda: [up(), convolution(padding="valid")], 0),
}


@pytest.mark.parametrize(("name", "xla"), [("doubled", True), *((name, False) for name in DOUBLING)])
def test_doubled_images_are_not_computed_where_a_convolution_follows(name: str, xla: bool) -> None:
    make, times = DOUBLING[name]
    own = keras.Sequential([keras.Input((3, 4, 2), dtype="float64"), *make()])
    fast, images = faster(own), random(3, 3, 4, 2)
    with (
        mock.patch("gantape.layers.convolutional.doubling_wins", return_value=True),
        mock.patch("gantape.layers.convolutional.convolve_doubled", wraps=convolve_doubled) as taken,
    ):
        found = in_a_graph(fast, images, xla=xla)
        assert taken.call_count == times
        np.testing.assert_array_equal(fast(images), own(images))
        assert taken.call_count == times
    assert_close(found, in_a_graph(own, images, xla=xla))


def test_in_a_graph_small_images_are_left_to_keras() -> None:
    assert not doubling_wins((8, 8))
    assert doubling_wins((16, 16))
    assert tf.function(lambda: tf.constant(doubling_wins((2, 2))), jit_compile=True)()
