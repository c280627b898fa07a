"""A model with faster layers has the same weights and outputs, and can be turned back."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_comparison import assert_close, choosing, random

from gantape.errors import TaskError
from gantape.layers import FastConv2D, faster, for_inference, plain
from gantape.losses import R1
from gantape.random.rng import RandomStreams

FLOAT32_TOLERANCE = 1e-5


# Models


def network() -> Any:
    """Two convolutions, one of them called twice, a model inside, dropout and batch norm."""
    layers = keras.layers
    inside = keras.Sequential(
        [keras.Input((4, 4, 8)), layers.Conv2DTranspose(8, 4, 2, padding="same", name="up"), layers.BatchNormalization()],
        name="inside",
    )
    images = keras.Input((4, 4, 8), name="images")
    shared = layers.Conv2D(8, 3, padding="same", activation="relu", name="shared")
    hidden = layers.Dropout(0.5)(inside(shared(shared(images))))
    return keras.Model(images, layers.Conv2D(1, 5, padding="same", name="last", trainable=False)(hidden), name="network")


def layers_of(model: Any) -> list[Any]:
    return [*model._flatten_layers(include_self=False)]


def test_a_faster_model_has_the_same_weights_names_and_outputs() -> None:
    model = network()
    fast: Any = faster(model)
    assert fast.name == model.name
    assert [layer.name for layer in layers_of(fast)] == [layer.name for layer in layers_of(model)]
    assert {type(layer) for layer in layers_of(fast)}.isdisjoint({keras.layers.Conv2D, keras.layers.Conv2DTranspose})
    assert [weight.path for weight in fast.weights] == [weight.path for weight in model.weights]
    assert [len(fast.trainable_variables), len(fast.variables)] == [len(model.trainable_variables), len(model.variables)]
    for one, other in zip(fast.variables, model.variables, strict=True):
        assert one is not other
        np.testing.assert_array_equal(one, other)
    images = random(3, 4, 4, 8, dtype="float32")
    assert_close(fast(images), model(images), FLOAT32_TOLERANCE)
    assert_close(fast(images, training=True), model(images, training=True), FLOAT32_TOLERANCE)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3.15 saves so under NumPy 2
def test_plain_turns_a_faster_model_back_after_a_file_too(tmp_path: Path) -> None:
    model = network()
    faster(model).save(tmp_path / "fast.keras")  # type: ignore[attr-defined]
    loaded = keras.models.load_model(tmp_path / "fast.keras")
    assert FastConv2D in {type(layer) for layer in layers_of(loaded)}
    back: Any = plain(loaded)
    assert back.get_config() == model.get_config()
    for one, other in zip(back.weights, model.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    images = random(3, 4, 4, 8, dtype="float32")
    np.testing.assert_array_equal(back(images), model(images))


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_a_gradient_penalty_trains_a_faster_discriminator(xla: bool) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 4, 2, padding="same", activation="tanh"),
            layers.Conv2D(64, 4, 2, padding="same", activation="tanh"),
            layers.Conv2D(1, 2),
        ]
    )
    fast = faster(model)
    images = random(2, 8, 8, 1, dtype="float32")

    def gradients(discriminator: Any) -> Any:
        variables = [variable.value for variable in discriminator.trainable_variables]
        with tf.GradientTape() as tape:
            penalty = R1()(discriminator, images, images, RandomStreams(0, tf.constant(0)))
        return tape.gradient(penalty, variables, unconnected_gradients="zero")

    with choosing():
        found = tf.function(lambda: gradients(fast), jit_compile=xla)()
    assert_close(found, gradients(model), FLOAT32_TOLERANCE)


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.last = keras.layers.Conv2D(1, 3)

    def call(self, images: Any) -> Any:
        return self.last(images)


@pytest.mark.parametrize("call", [faster, plain])
def test_only_models_of_layers_can_be_made_faster(call: Any) -> None:
    with pytest.raises(TaskError, match="only models have layers"):
        call(keras.layers.Conv2D(1, 3))
    with pytest.raises(TaskError, match="no weights yet"):
        call(keras.Sequential([keras.layers.Conv2D(1, 3)]))
    subclassed = Subclassed()
    subclassed(tf.zeros([1, 4, 4, 1]))
    with pytest.raises(TaskError, match="layer by layer"):
        call(subclassed)


def test_operations_between_layers_are_copied() -> None:
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.activations.glu(keras.layers.Conv2D(6, 3, padding="same")(inputs)))
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    for copy in (faster(model), plain(faster(model)), for_inference(model)):
        np.testing.assert_allclose(copy(x), model(x), rtol=1e-5, atol=1e-6)


def test_copies_compute_with_what_layers_have_adapted_to():
    numbers = keras.layers.Normalization()
    numbers.adapt(np.array([[1.0, 5.0], [3.0, 9.0]], np.float32))
    kinds = keras.layers.IntegerLookup()
    kinds.adapt(np.array([3, 5, 9]))
    inputs = [keras.Input((2,)), keras.Input((1,), dtype="int64")]
    embedded = keras.layers.Flatten()(keras.layers.Embedding(4, 3)(kinds(inputs[1])))
    model = keras.Model(inputs, keras.layers.Concatenate()([numbers(inputs[0]), embedded]))
    given = [np.array([[1.0, 9.0], [2.0, 7.0]], np.float32), np.array([[9], [4]])]
    for copy in (faster(model), plain(model), for_inference(model)):
        found = np.asarray(copy(given))
        assert np.allclose(found, np.asarray(model(given)), atol=1e-6)
        assert np.allclose(found[:, :2], [[-1.0, 1.0], [0.0, 0.0]], atol=1e-6)
