"""Equalised learning rates, vectors of fixed length, and filtered resampling: against NumPy, SciPy and Keras, and saved."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import upfirdn

from gantape.errors import TaskError
from gantape.layers import Equalized, FilteredResampling2D, PixelNorm, for_inference

layers = keras.layers
KINDS = {
    "dense": (lambda **options: layers.Dense(64, **options), (50,), 50),
    "convolution": (lambda **options: layers.Conv2D(64, 3, padding="same", **options), (6, 6, 10), 90),
    "transposed": (lambda **options: layers.Conv2DTranspose(64, 3, padding="same", **options), (6, 6, 10), 90),
    "grouped": (lambda **options: layers.Conv2D(64, 3, groups=2, padding="same", **options), (6, 6, 10), 45),
}


def values(*shape: int, seed: int = 0) -> Any:
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_kernels_and_biases_are_scaled_when_they_are_used(kind: str) -> None:
    make, shape, fan_in = KINDS[kind]
    layer = Equalized(make(bias_initializer="ones"), gain=1.5, multiplier=0.1)
    inputs = values(2, *shape)
    layer(inputs)
    kernel = layer.layer.kernel.numpy()
    assert kernel.std() == pytest.approx(10.0, rel=0.05)
    expected = make()
    expected.build(inputs.shape)
    expected.kernel.assign(kernel * 1.5 * 0.1 / np.sqrt(fan_in))
    expected.bias.assign(0.15 * np.ones(64))
    np.testing.assert_allclose(layer(inputs), expected(inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("multiplier", [1.0, 0.01])
@pytest.mark.parametrize("size", [16, 256])
def test_outputs_have_variance_one_at_first(size: int, multiplier: float) -> None:
    outputs = Equalized(layers.Dense(200), multiplier=multiplier)(values(50, size))
    assert float(tf.math.reduce_std(outputs)) == pytest.approx(1.0, rel=0.1)


def test_a_multiplier_slows_learning_down() -> None:
    moves = []
    for multiplier in (1.0, 0.01):
        layer = Equalized(layers.Dense(8, use_bias=False), multiplier=multiplier)
        inputs = values(4, 16)
        layer(inputs)
        before = layer.weights_in_use()[0]
        optimizer = keras.optimizers.Adam(1e-3)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(inputs) * values(4, 8, seed=1))
        optimizer.apply(tape.gradient(loss, [layer.layer.kernel.value]), [layer.layer.kernel])
        moves.append(np.abs(layer.weights_in_use()[0] - before).mean())
    assert moves[1] / moves[0] == pytest.approx(0.01, rel=0.05)
    assert moves[0] == pytest.approx(1e-3 / 4.0, rel=0.05)


def test_only_layers_with_a_kernel_are_equalised() -> None:
    with pytest.raises(TaskError, match="Equalized"):
        Equalized(layers.ReLU())


def test_pixel_norm_is_numpys() -> None:
    numbers = values(2, 3, 3, 5)
    expected = numbers / np.sqrt(np.mean(np.square(numbers), axis=-1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(PixelNorm()(numbers), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("up", "down", "padding"), [(1, 1, (2, 2)), (2, 1, (2, 1)), (1, 2, (1, 1)), (2, 3, (0, 4)), (1, 1, (-1, 2))]
)
@pytest.mark.parametrize("sizes", [(6, 6), (5, 8)])
def test_resampling_is_scipys(up: int, down: int, padding: tuple[int, int], sizes: tuple[int, int]) -> None:
    images = values(2, *sizes, 3)
    expected = images.numpy().astype(np.float64)
    for axis in (1, 2):
        full = upfirdn(np.array([1, 3, 3, 1]) / 8 * up, expected, up=up, axis=axis)
        # SciPy ends after the last pixel, and begins where the filter meets the first one, three places before.
        size = expected.shape[axis]
        first, count = 3 - padding[0], up * size + sum(padding) - 3
        padded = np.pad(full, [(8, 8) if place == axis else (0, 0) for place in range(4)])
        expected = np.take(padded, range(8 + first, 8 + first + count, down), axis=axis)
    layer = FilteredResampling2D(up, down, padding)
    found = layer(images)
    assert found.shape == expected.shape == layer.compute_output_shape(images.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_doubling_is_bilinear_inside() -> None:
    images = values(2, 5, 7, 3)
    found, expected = FilteredResampling2D(2, 1, (2, 1))(images), layers.UpSampling2D(interpolation="bilinear")(images)
    np.testing.assert_allclose(found[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], rtol=1e-5, atol=1e-6)


def test_they_are_saved_and_come_off_for_inference(tmp_path: Path) -> None:
    inputs = keras.Input((8, 8, 3))
    hidden = Equalized(layers.Conv2D(4, 3, activation="relu"), gain=2.0)(FilteredResampling2D(down=2)(inputs))
    model = keras.Model(inputs, Equalized(layers.Dense(2), multiplier=0.1)(layers.Flatten()(PixelNorm()(hidden))))
    images = values(2, 8, 8, 3)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(images), model(images))
    plain: Any = for_inference(model)
    assert not any(isinstance(layer, Equalized) for layer in plain.layers)
    np.testing.assert_allclose(plain(images), model(images), rtol=1e-5, atol=1e-6)
