"""The faster layers compute what Keras' own do: outputs, gradients, and gradients of gradients."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_comparison import TOLERANCE, assert_close, choosing, derivatives, random

from gantape._tensorflow import in_xla
from gantape.layers import FastConv2D, FastConv2DTranspose, faster
from gantape.layers.choice import columns_win, phases_win
from gantape.layers.columns import convolve_by_columns, patches, shifted_sum
from gantape.layers.geometry import Strides, Window
from gantape.layers.phases import convolve, convolve_transposed

FLOAT32_TOLERANCE = 1e-5

pairs = st.tuples(st.integers(1, 6), st.integers(1, 6))
sizes = st.tuples(st.integers(1, 8), st.integers(1, 8))
steps = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.sampled_from(["same", "valid"])
channels = st.integers(1, 3)
properties = settings(deadline=None, max_examples=40, derandomize=True)


def as_function(layer: Any) -> Callable[..., tf.Tensor]:
    """A layer or model as a function of images and its weights."""
    return lambda images, *weights: layer.stateless_call(weights, [], images)[0]


def in_a_graph(layer: Any, *inputs: tf.Tensor, xla: bool = False) -> Any:
    """The derivatives of a layer or model in compiled code, the only place where it is another than Keras' own."""
    return tf.function(lambda *values: derivatives(as_function(layer), *values), jit_compile=xla)(*inputs)


# By definition, in NumPy


@given(pairs, steps, sizes, paddings)
@properties
def test_a_transposed_convolution_adds_a_kernel_for_each_input(
    kernel_size: tuple[int, int], step: tuple[int, int], size: tuple[int, int], padding: Any
) -> None:
    small, kernel = random(2, *size, 3), random(*kernel_size, 2, 3)
    spread = np.zeros((2, *((size[axis] - 1) * step[axis] + max(kernel_size[axis], step[axis]) for axis in (0, 1)), 2))
    for row, column in np.ndindex(size):
        top, left = row * step[0], column * step[1]
        spread[:, top : top + kernel_size[0], left : left + kernel_size[1]] += np.einsum(
            "bs,hwls->bhwl", small[:, row, column], kernel
        )
    if padding == "same":
        top, left = (max(kernel_size[axis] - step[axis], 0) // 2 for axis in (0, 1))
        spread = spread[:, top : top + size[0] * step[0], left : left + size[1] * step[1]]
    strides = Strides.of_transpose(kernel_size, step, size, padding)
    assert strides.small == size
    assert_close(convolve_transposed(small, kernel, strides), spread)


@given(pairs, sizes, paddings)
@properties
def test_a_convolution_sums_shifted_columns(kernel_size: tuple[int, int], extra: tuple[int, int], padding: Any) -> None:
    size = (kernel_size[0] + extra[0] - 1, kernel_size[1] + extra[1] - 1)
    images, kernel = random(2, *size, 3), random(*kernel_size, 3, 2)
    window = Window.of(kernel_size, size, padding)
    padded = np.pad(images, [(0, 0), *zip(window.before, window.after, strict=True), (0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(padded, kernel_size, (1, 2))
    assert_close(convolve_by_columns(images, kernel, window), np.einsum("byxchw,hwcf->byxf", views, kernel))


@given(pairs, sizes, paddings)
@properties
def test_shifted_sum_and_patches_are_adjoint(kernel_size: tuple[int, int], extra: tuple[int, int], padding: Any) -> None:
    window = Window.of(kernel_size, (kernel_size[0] + extra[0] - 1, kernel_size[1] + extra[1] - 1), padding)
    columns, outputs = random(2, *window.inputs, 2 * kernel_size[0] * kernel_size[1]), random(2, *window.outputs, 2)
    one, other = shifted_sum(columns, window) * outputs, columns * patches(outputs, window)
    assert_close(tf.reduce_sum(one), tf.reduce_sum(other))


# Against Keras and TensorFlow


@given(pairs, steps, sizes, paddings, channels, channels, st.booleans())
@properties
def test_the_transposed_layer_is_keras_own(
    kernel_size: Any, step: Any, size: Any, padding: Any, channels_in: int, filters: int, few: bool
) -> None:
    images = random(2, *size, channels_in)
    own = keras.layers.Conv2DTranspose(filters, kernel_size, step, padding, bias_initializer="normal", dtype="float64")
    own.build(images.shape)
    fast = FastConv2DTranspose.from_config(own.get_config())
    fast.build(images.shape)
    fast.set_weights(own.get_weights())
    inputs = (images, *map(tf.convert_to_tensor, own.get_weights()))
    with choosing(few=few):
        found = in_a_graph(fast, *inputs)
    assert_close(found, in_a_graph(own, *inputs))


@given(pairs, sizes, paddings, channels, channels)
@properties
def test_the_layer_by_columns_is_keras_own(kernel_size: Any, extra: Any, padding: Any, channels_in: int, filters: int) -> None:
    images = random(2, kernel_size[0] + extra[0] - 1, kernel_size[1] + extra[1] - 1, channels_in)
    own = keras.layers.Conv2D(filters, kernel_size, padding=padding, bias_initializer="normal", dtype="float64")
    own.build(images.shape)
    fast = FastConv2D.from_config(own.get_config())
    fast.build(images.shape)
    fast.set_weights(own.get_weights())
    inputs = (images, *map(tf.convert_to_tensor, own.get_weights()))
    with choosing():
        found = in_a_graph(fast, *inputs)
    assert_close(found, in_a_graph(own, *inputs))


@given(pairs, steps, sizes, paddings, channels, channels)
@properties
def test_the_convolution_with_strides_is_tensorflow_own(
    kernel_size: Any, step: Any, extra: Any, padding: Any, large_channels: int, small_channels: int
) -> None:
    large = (kernel_size[0] + extra[0] - 1, kernel_size[1] + extra[1] - 1)
    strides = Strides(kernel_size, step, large, padding)
    inputs = random(2, *large, large_channels), random(*kernel_size, large_channels, small_channels)
    found = derivatives(lambda images, kernel: convolve(images, kernel, strides), *inputs)
    assert found[0].shape[1:3] == strides.small
    assert_close(found, derivatives(lambda images, kernel: tf.nn.conv2d(images, kernel, step, padding.upper()), *inputs))


POOL = [
    (keras.layers.Conv2DTranspose, (5, 4, 3), {"filters": 2, "kernel_size": 4, "strides": 2, "padding": "same"}),
    (keras.layers.Conv2DTranspose, (3, 4, 2), {"filters": 3, "kernel_size": (3, 5), "strides": 2, "padding": "valid"}),
    (keras.layers.Conv2DTranspose, (3, 3, 2), {"filters": 1, "kernel_size": 5, "strides": (3, 2), "padding": "same"}),
    (keras.layers.Conv2D, (8, 9, 4), {"filters": 1, "kernel_size": 7, "padding": "same"}),
    (keras.layers.Conv2D, (6, 5, 4), {"filters": 2, "kernel_size": (2, 3), "padding": "valid"}),
    (keras.layers.Conv2D, (8, 7, 2), {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same"}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize(("kind", "shape", "options"), POOL)
def test_compiled_layers_are_keras_own(kind: Any, shape: Any, options: Any, xla: bool, dtype: str) -> None:
    inputs = keras.Input(shape, dtype=dtype)
    own = keras.Model(inputs, kind(**options, activation="tanh", bias_initializer="normal", dtype=dtype)(inputs))
    fast = faster(own)
    arguments = (random(3, *shape, dtype=dtype), *map(tf.convert_to_tensor, own.get_weights()))
    with choosing():
        found = in_a_graph(fast, *arguments, xla=xla)
    assert_close(found, in_a_graph(own, *arguments, xla=xla), FLOAT32_TOLERANCE if dtype == "float32" else TOLERANCE)


@pytest.mark.parametrize(("kind", "shape", "options"), POOL)
def test_eager_layers_are_keras_own_bit_for_bit(kind: Any, shape: Any, options: Any) -> None:
    own = keras.Sequential([keras.Input(shape), kind(**options)])
    fast, images = faster(own), random(3, *shape, dtype="float32")
    with choosing():
        found = derivatives(as_function(fast), images, *map(tf.convert_to_tensor, own.get_weights()))
    expected = derivatives(as_function(own), images, *map(tf.convert_to_tensor, own.get_weights()))
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("kind", "shape", "options"), POOL)
def test_the_batch_size_may_be_unknown(kind: Any, shape: Any, options: Any) -> None:
    own = kind(**options)
    images = random(3, *shape, dtype="float32")
    expected = own(images)
    fast = {keras.layers.Conv2D: FastConv2D, keras.layers.Conv2DTranspose: FastConv2DTranspose}[kind](**options)
    fast.build(images.shape)
    fast.set_weights(own.get_weights())
    with choosing():
        found = tf.function(fast, input_signature=[tf.TensorSpec([None, *shape])])(images)
    assert_close(found, expected, FLOAT32_TOLERANCE)


@pytest.mark.parametrize(
    ("kind", "options", "shape"),
    [
        (keras.layers.Conv2D, {"filters": 2, "kernel_size": 3, "dilation_rate": 2}, (8, 8, 64)),
        (keras.layers.Conv2D, {"filters": 2, "kernel_size": 3, "groups": 2}, (8, 8, 64)),
        (keras.layers.Conv2D, {"filters": 1, "kernel_size": 3, "dtype": "mixed_bfloat16"}, (8, 8, 64)),
        (keras.layers.Conv2DTranspose, {"filters": 2, "kernel_size": 3, "dilation_rate": 2}, (8, 8, 4)),
        (keras.layers.Conv2DTranspose, {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1}, (8, 8, 4)),
        (keras.layers.Conv2DTranspose, {"filters": 2, "kernel_size": 3}, (8, 8, 4)),
    ],
)
def test_what_is_not_rewritten_is_keras_own_bit_for_bit(kind: Any, options: Any, shape: Any) -> None:
    model = keras.Sequential([keras.Input(shape), kind(**options)])
    images = random(2, *shape, dtype="float32")
    np.testing.assert_array_equal(tf.cast(faster(model)(images), "float32"), tf.cast(model(images), "float32"))


def test_sizes_that_are_not_known_are_left_to_keras() -> None:
    model = keras.Sequential([keras.Input((None, None, 64)), keras.layers.Conv2DTranspose(1, 4, 2, padding="same")])
    compiled = tf.function(faster(model), input_signature=[tf.TensorSpec([None, None, None, 64])])
    images = random(2, 5, 4, 64, dtype="float32")
    assert_close(compiled(images), model(images), FLOAT32_TOLERANCE)


# What is chosen


def test_xla_is_recognised_in_the_code_that_it_compiles() -> None:
    def seen(*, xla: bool, nested: bool) -> bool:
        found = []
        function = tf.function(lambda: found.append(in_xla()))
        tf.function(lambda: function() if nested else found.append(in_xla()), jit_compile=xla)()
        return found == [True]

    assert seen(xla=True, nested=False)
    assert seen(xla=True, nested=True)
    assert not seen(xla=False, nested=False)
    assert not seen(xla=False, nested=True)
    assert not in_xla()


def test_in_xla_a_transposed_convolution_has_no_spread_inputs() -> None:
    own = keras.Sequential([keras.Input((14, 14, 128)), keras.layers.Conv2DTranspose(64, 4, 2, padding="same")])
    images = random(64, 14, 14, 128, dtype="float32")
    for model, spread in ((own, True), (faster(own), False)):
        program = tf.function(model, jit_compile=True).experimental_get_compiler_ir(images)(stage="hlo")
        assert ("lhs_dilate" in program) is spread


def test_a_convolution_with_one_place_is_a_matrix_product_already() -> None:
    assert columns_win((7, 7), channels=128, filters=1)
    assert not columns_win((1, 1), channels=128, filters=1)
    assert not columns_win((7, 7), channels=3, filters=64)


def test_outside_of_xla_phases_are_for_few_channels() -> None:
    strides = Strides.of_transpose((4, 4), (2, 2), (14, 14), "same")
    assert phases_win(strides, small_channels=128, large_channels=3)
    assert not phases_win(strides, small_channels=128, large_channels=128)
