"""The last activations of a GAN's networks are checked against the loss and the data, and norms against penalties."""

import warnings
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from misuse import gan

import gantape as gt
from gantape.errors import GantapeWarning, TaskError
from gantape.layers import BatchNorm

layers = keras.layers


class Subclassed(keras.Model):
    """A model whose layers do not say which one is the last."""

    def __init__(self, end: Any) -> None:
        super().__init__()
        self.last = layers.Dense(1)
        self.end = end
        self.first = layers.Dense(4)

    def call(self, inputs: Any) -> Any:
        return self.end(self.last(self.first(inputs)))


def ends(kind: str) -> dict[str, Any]:
    """Discriminators that end in an activation, built in several ways."""
    inputs = keras.Input((2,))
    subclassed = Subclassed(getattr(tf.nn, kind))
    subclassed(tf.zeros((1, 2)))
    return {
        "argument": keras.Sequential([inputs, layers.Dense(1, activation=kind)]),
        "layer": keras.Sequential([inputs, layers.Dense(1), layers.Activation(kind), layers.Reshape((1,))]),
        "operation": keras.Model(inputs, getattr(keras.ops, kind)(layers.Dense(1)(inputs))),
        "nested": keras.Sequential([inputs, keras.Sequential([layers.Dense(1), layers.Activation(kind)])]),
        "half precision": keras.Sequential([inputs, layers.Dense(1, activation=kind, dtype="mixed_bfloat16")]),
        "subclass": subclassed,
    }


@pytest.mark.parametrize("built", ends("sigmoid"))
@pytest.mark.parametrize("loss", [gt.losses.NonSaturating(), gt.losses.TopK(gt.losses.Minimax()), gt.losses.Wasserstein()])
def test_probabilities_under_a_loss_on_raw_scores(built: str, loss: Any) -> None:
    with pytest.raises(TaskError, match="raw scores"):
        gan(build_discriminator=lambda self: ends("sigmoid")[built], build_loss=lambda self: loss)


def test_other_ends_of_a_discriminator_are_warned_of() -> None:
    with pytest.warns(GantapeWarning, match=r"tanh at the end"):
        gan(build_discriminator=lambda self: ends("tanh")["layer"])


class OnProbabilities(gt.losses.AdversarialLoss):
    def discriminator(self, real, fake, rng):
        return {"real": -tf.reduce_mean(tf.math.log(real + 1e-6)), "fake": -tf.reduce_mean(tf.math.log(1 - fake + 1e-6))}

    def generator(self, real, fake, rng):
        return {"adversarial": -tf.reduce_mean(tf.math.log(fake + 1e-6))}


@pytest.mark.parametrize("loss", [OnProbabilities(), gt.losses.LeastSquares()], ids=["of one's own", "least squares"])
def test_losses_that_take_probabilities_get_them(loss: Any) -> None:
    gan(build_discriminator=lambda self: ends("sigmoid")["argument"], build_loss=lambda self: loss)


class Images(gt.AdversarialTask):
    latent_size: int = 2
    end: str = "tanh"

    def build_generator(self):
        return keras.Sequential([keras.Input((2,)), layers.Dense(16, activation=self.end), layers.Reshape((4, 4, 1))])

    def build_discriminator(self):
        return keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(1)])


class UnitImages(Images):
    pixels = (0.0, 1.0)


unit = np.random.default_rng(0).random((16, 4, 4, 1)).astype("float32")


@pytest.mark.parametrize(
    ("task", "end", "images", "said"),
    [
        (Images, "tanh", 2 * unit - 1, ""),
        (UnitImages, "sigmoid", unit, ""),
        (Images, "linear", 2 * unit - 1, ""),
        (Images, "tanh", unit, "lower half"),
        (UnitImages, "tanh", unit, "not that of the pixels"),
        (Images, "sigmoid", unit, r"pixels = \(0.0, 1.0\)"),
        (Images, "sigmoid", 2 * unit - 1, "cannot make"),
        (Images, "relu", 2 * unit - 1, "cannot make"),
    ],
)
def test_the_range_of_the_generator_is_that_of_the_data(task: Any, end: str, images: Any, said: str) -> None:
    made = task(end=end)
    if said:
        with pytest.warns(GantapeWarning, match=said):
            made.check_batch(images)
    else:
        made.check_batch(images)


def test_vectors_outside_of_the_range_of_the_generator() -> None:
    task = gan(build_generator=lambda self: keras.Sequential([keras.Input((3,)), layers.Dense(2, activation="tanh")]))
    with pytest.warns(GantapeWarning, match="cannot make"):
        task.check_batch(3.0 * np.ones((4, 2), "float32"))


@pytest.mark.parametrize("norm", [layers.BatchNormalization, BatchNorm, layers.LayerNormalization])
@pytest.mark.parametrize("penalty", [gt.losses.GradientPenalty(), gt.losses.Lazy(gt.losses.R1()), None])
def test_batch_norm_under_a_penalty_on_gradients(norm: Any, penalty: Any) -> None:
    def build() -> None:
        block = keras.Sequential([keras.Input((2,)), layers.Dense(4), norm()])
        gan(
            build_discriminator=lambda self: keras.Sequential([keras.Input((2,)), block, layers.Dense(1)]),
            build_penalties=lambda self: (penalty,) if penalty else (),
        )

    if penalty and issubclass(norm, layers.BatchNormalization):
        with pytest.warns(GantapeWarning, match="batch norm"):
            build()
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GantapeWarning)
            build()


def test_a_frozen_discriminator_is_named() -> None:
    def frozen(self: Any) -> Any:
        model = keras.Sequential([keras.Input((2,)), layers.Dense(1)], name="critic")
        model.compile("adam", "binary_crossentropy")
        model.trainable = False
        return model

    with pytest.raises(TaskError, match="critic with trainable=False"):
        gan(build_discriminator=frozen)
