"""Batch norm with a condition: against NumPy, its derivatives, its statistics, and saved."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gantape.layers import ConditionalBatchNorm, faster

layers = keras.layers
IMAGES = np.random.default_rng(0).normal(3.0, 2.0, size=(6, 4, 5, 3)).astype(np.float32)
CONDITIONS = {"labels": (4, np.array([0, 3, 1, 1, 2, 0])), "vectors": (0, np.random.default_rng(1).normal(size=(6, 2)))}


def randomized(kind: str, inputs: Any = IMAGES) -> tuple[Any, Any, Any]:
    """The layer with random weights, its condition as a tensor, and scale and offset of each example."""
    classes, condition = CONDITIONS[kind]
    layer = ConditionalBatchNorm(classes, epsilon=1e-2)
    given = tf.constant(condition, tf.int32 if classes else tf.float32)
    layer([inputs, given])
    tables = []
    for place, variable in enumerate(layer.trainable_variables):
        variable.assign(np.random.default_rng(place + 5).normal(size=variable.shape))
        tables.append(variable.numpy())
    scale, offset = (table[condition] if classes else condition @ table for table in tables)
    return layer, given, (1.0 + scale, offset)


@pytest.mark.parametrize("kind", CONDITIONS)
@pytest.mark.parametrize("run", [None, False, True])
def test_it_is_numpys(kind: str, run: bool | None) -> None:
    layer, condition, (scale, offset) = randomized(kind)
    normalised = (IMAGES - IMAGES.mean(axis=(0, 1, 2))) / np.sqrt(IMAGES.var(axis=(0, 1, 2)) + 1e-2)
    expected = normalised * scale[:, None, None] + offset[:, None, None]
    compiled = layer if run is None else tf.function(layer, jit_compile=run)
    np.testing.assert_allclose(compiled([IMAGES, condition], training=True), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(layer.norm.moving_mean, 0.01 * IMAGES.mean(axis=(0, 1, 2)), rtol=1e-4)


def test_it_is_plain_batch_norm_at_first() -> None:
    for classes, condition in CONDITIONS.values():
        given = tf.constant(condition, tf.int32 if classes else tf.float32)
        for training in (False, True):
            found = ConditionalBatchNorm(classes)([IMAGES, given], training=training)
            expected = layers.BatchNormalization()(IMAGES, training=training)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_moving_statistics_are_used_afterwards() -> None:
    layer, condition, (scale, offset) = randomized("labels")
    layer.norm.moving_mean.assign([1.0, 2.0, 3.0])
    layer.norm.moving_variance.assign([4.0, 1.0, 9.0])
    expected = (IMAGES - [1.0, 2.0, 3.0]) / np.sqrt(np.array([4.0, 1.0, 9.0]) + 1e-2)
    expected = expected * scale[:, None, None] + offset[:, None, None]
    np.testing.assert_allclose(layer([IMAGES, condition]), expected, rtol=1e-4, atol=1e-4)


def test_rows_without_places_are_normalised_too() -> None:
    rows = IMAGES[:, 0, 0]
    layer, condition, (scale, offset) = randomized("labels", rows)
    expected = (rows - rows.mean(axis=0)) / np.sqrt(rows.var(axis=0) + 1e-2) * scale + offset
    np.testing.assert_allclose(layer([rows, condition], training=True), expected, rtol=1e-4, atol=1e-4)


def test_second_derivatives_are_those_of_the_formula() -> None:
    layer, condition, _ = randomized("labels")

    def formula(images: Any) -> Any:
        mean = tf.reduce_mean(images, [0, 1, 2])
        variance = tf.reduce_mean(tf.square(images - mean), [0, 1, 2])
        scale, offset = (table.value for table in layer.trainable_variables)
        normalised = (images - mean) / tf.sqrt(variance + 1e-2)
        return normalised * (1.0 + tf.gather(scale, condition)[:, None, None]) + tf.gather(offset, condition)[:, None, None]

    def second(function: Any) -> Any:
        images = tf.constant(IMAGES)
        with tf.GradientTape() as outer:
            outer.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                total = tf.reduce_sum(tf.sin(function(images)))
            norm = tf.reduce_sum(tf.square(inner.gradient(total, images)))
        return outer.gradient(norm, images)

    found = second(lambda images: layer([images, condition], training=True))
    np.testing.assert_allclose(found, second(formula), rtol=1e-3, atol=1e-4)


def test_it_is_saved_and_copied(tmp_path: Path) -> None:
    images, labels = keras.Input((4, 5, 3)), keras.Input((), dtype="int32")
    model = keras.Model([images, labels], ConditionalBatchNorm(4, momentum=0.5)([images, labels]))
    for variable in model.trainable_variables:
        variable.assign(np.random.default_rng(2).normal(size=variable.shape))
    inputs = [tf.constant(IMAGES), tf.constant(CONDITIONS["labels"][1], tf.int32)]
    model(inputs, training=True)
    model.save(tmp_path / "model.keras")
    for copy in (keras.saving.load_model(tmp_path / "model.keras"), faster(model)):
        np.testing.assert_array_equal(copy(inputs), model(inputs))
