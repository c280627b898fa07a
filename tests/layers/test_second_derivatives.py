"""Penalties through layers of Keras: their gradients with respect to weights are second derivatives of the discriminator."""

import contextlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import double_precision

import gantape as gt
from gantape.layers import BatchNorm, FastConv2D, FastConv2DTranspose, LayerNorm
from gantape.losses import R1, GradientPenalty

layers = keras.layers
CONVOLUTION = {"strides": 2, "padding": "same"}
LAYERS: dict[str, Callable[[], list[Any]]] = {
    "convolution": lambda: [layers.Conv2D(2, 3, **CONVOLUTION)],
    "transposed convolution": lambda: [layers.Conv2DTranspose(2, 3, **CONVOLUTION)],
    "batch norm": lambda: [layers.Conv2D(2, 3, **CONVOLUTION), BatchNorm()],
    "layer norm": lambda: [layers.Conv2D(2, 3, **CONVOLUTION), LayerNorm(axis=[1, 2, 3])],
    "fast convolutions": lambda: [
        FastConv2D(2, 3, **CONVOLUTION),
        FastConv2DTranspose(2, 4, **CONVOLUTION),
        FastConv2D(1, 3, padding="same"),
    ],
}


def network(*hidden: Any) -> Any:
    return keras.Sequential([keras.Input((4, 4, 2)), *hidden, layers.Activation("tanh"), layers.Flatten(), layers.Dense(1)])


def examples() -> list[Any]:
    generator = np.random.default_rng(0)
    return [tf.constant(generator.normal(size=(3, 4, 4, 2))) for _ in range(2)]


def penalties_and_gradients(model: Any, real: Any, fake: Any) -> tuple[Any, list[Any]]:
    rng = gt.RandomStreams(3)
    with tf.GradientTape() as tape:
        value = GradientPenalty()(model, real, fake, rng) + R1()(model, real, fake, rng)
    return value, tape.gradient(value, [variable.value for variable in model.trainable_variables[:-1]])


def slope_and_product(model: Any, gradients: list[Any]) -> tuple[float, float]:
    """How the penalties change in some direction of the weights: by finite differences, and by the gradients."""
    generator = np.random.default_rng(1)
    # The last variable, a bias behind all layers, does not change the gradient of a score.
    weights = model.trainable_variables[:-1]
    start = [variable.numpy() for variable in weights]
    directions = [generator.normal(size=values.shape) for values in start]

    def moved(distance: float) -> float:
        for variable, values, direction in zip(weights, start, directions, strict=True):
            variable.assign(values + distance * direction)
        return float(penalties_and_gradients(model, *examples())[0])

    slope = (moved(1e-5) - moved(-1e-5)) / 2e-5
    moved(0.0)
    pairs = zip(gradients, directions, strict=True)
    return slope, sum(float(tf.reduce_sum(gradient * direction)) for gradient, direction in pairs if gradient is not None)


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_of_penalties_are_finite_differences_and_the_same_in_every_mode(kind: str) -> None:
    with double_precision():
        model = network(*LAYERS[kind]())
        value, gradients = penalties_and_gradients(model, *examples())
        slope, product = slope_and_product(model, gradients)
        assert product == pytest.approx(slope, rel=1e-6)
        for xla in (False, True):
            compiled = tf.function(penalties_and_gradients, jit_compile=xla)(model, *examples())
            np.testing.assert_allclose(compiled[0], value, rtol=1e-8)
            for one, other in zip(compiled[1], gradients, strict=True):
                assert (one is None) == (other is None)
                if one is not None:
                    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_spectral_normalization_of_keras_gives_the_gradients_of_the_kernel_that_it_leaves() -> None:
    """Keras 3.15 overwrites the kernel with W / σ(W) in each pass: what is differentiated is a convolution with that kernel."""
    with double_precision():
        wrapped = network(layers.SpectralNormalization(layers.Conv2D(2, 3, **CONVOLUTION), power_iterations=60))
        plain = network(layers.Conv2D(2, 3, **CONVOLUTION))
        for _ in range(5):
            wrapped(examples()[0], training=True)  # until σ(W) is found
        found = [penalties_and_gradients(wrapped, *examples())]
        found += [tf.function(penalties_and_gradients, jit_compile=xla)(wrapped, *examples()) for xla in (False, True)]
        for variable, other in zip(plain.trainable_variables, wrapped.trainable_variables, strict=True):
            variable.assign(other.value)
        matrix = plain.trainable_variables[0].numpy().reshape(-1, 2)
        assert np.linalg.norm(matrix, 2) == pytest.approx(1.0)
        value, gradients = penalties_and_gradients(plain, *examples())
        for other_value, others in found:
            np.testing.assert_allclose(other_value, value, rtol=1e-8)
            for one, other in zip(gradients, others, strict=True):
                assert (one is None) == (other is None)
                if one is not None:
                    np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (lambda: LayerNorm(axis=[1, 2, 3]), lambda: layers.LayerNormalization(axis=[1, 2, 3])),
        (LayerNorm, layers.LayerNormalization),
        (lambda: LayerNorm(axis=-2, center=False), lambda: layers.LayerNormalization(axis=-2, center=False)),
        (lambda: BatchNorm(scale=False), lambda: layers.BatchNormalization(scale=False)),
    ],
)
def test_normalisation_computes_what_that_of_keras_does(own: Any, other: Any) -> None:
    """The same outputs, first derivatives and moving statistics."""
    images, weights = tf.random.stateless_normal([2, 5, 3, 4, 2], [0, 1])
    found = []
    for layer in (own(), other()):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True) if "Batch" in type(layer).__name__ else layer(images)
            total = tf.reduce_sum(weights * outputs)
        found.append([outputs, tape.gradient(total, images), *(variable.numpy() for variable in layer.variables)])
    for one, expected in zip(*found, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False, "momentum": 0.5, "epsilon": 1e-2}])
def test_fused_batch_norm_computes_what_that_of_single_operations_does(options: dict[str, Any]) -> None:
    """Outputs, moving statistics, first and second derivatives, in float32 against float64."""
    found = []
    for precision in ("float32", "float64"):
        with double_precision() if precision == "float64" else contextlib.nullcontext():
            layer = BatchNorm(**options)
            layer.build((None, 4, 3, 5))
            values = np.random.default_rng(0)
            for variable in layer.trainable_variables:
                variable.assign(values.normal(size=variable.shape))
            images, weights, directions = (tf.constant(values.normal(size=(6, 4, 3, 5)), precision) for _ in range(3))

            @tf.function
            def derivatives(images: Any, weights: Any, directions: Any, layer: Any = layer) -> Any:
                sources = [images, weights, *[variable.value for variable in layer.trainable_variables]]
                with tf.GradientTape() as outer:
                    outer.watch(sources[:2])
                    with tf.GradientTape() as inner:
                        inner.watch(images)
                        outputs = layer(images, training=True)
                        total = tf.reduce_sum(weights * tf.tanh(outputs))
                    first = inner.gradient(total, [images, *sources[2:]])
                    product = tf.reduce_sum(first[0] * directions)
                second = outer.gradient(product, sources, unconnected_gradients="zero")
                return [outputs, *first, *second]

            graph = derivatives.get_concrete_function(images, weights, directions).graph
            kinds = {operation.type for operation in graph.get_operations()}
            assert ("FusedBatchNormV3" in kinds) == (precision == "float32")
            results = [*derivatives(images, weights, directions), *(variable.value for variable in layer.variables)]
            found.append([np.asarray(result) for result in results])
    for one, expected in zip(*found, strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=2e-5)


def test_normalisation_of_keras_has_other_second_derivatives() -> None:
    """Why there is one of gantape's own. If this fails, TensorFlow has mended `tf.nn.moments`."""
    with double_precision():
        model = network(layers.Conv2D(2, 3, **CONVOLUTION), layers.LayerNormalization(axis=[1, 2, 3]))
        slope, product = slope_and_product(model, penalties_and_gradients(model, *examples())[1])
        assert abs(product - slope) > 1e-3 * abs(slope)
