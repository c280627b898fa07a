"""Findings: each mistake is found, on the line that makes it, and what is meant is not."""

import random
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_recipes import batches, few, small
from tiny import PointGan, make, points

import gantape as gt
from cli.recipes import RECIPES
from gantape import zoo

layers = keras.layers
BEYOND: dict[str, type[gt.Task]] = {
    "digits": zoo.DigitClassifier,
    "autoencoder": zoo.VariationalAutoencoder,
    "distillation": zoo.Distillation,
    "contrastive": zoo.SimCLR,
    "diffusion": zoo.Diffusion,
}


class Regression(gt.Task):
    """A model of four numbers, with the loss that a test gives."""

    loss: Any
    output: Any = None
    trained: Any = None

    def build_model(self):
        return self.output() if self.output else keras.Sequential([keras.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(1)])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def updates(self):
        return (gt.Update("model", lambda batch, rng: self.loss(self.model, batch, rng), (self.model,), self.optimizer),)


def batch(examples=6):
    numbers = np.random.default_rng(0)
    return numbers.normal(size=(examples, 4)).astype("float32"), numbers.normal(size=examples).astype("float32")


def found(loss, output=None):
    keras.utils.set_random_seed(0)
    return gt.inspect(Regression(loss=loss, output=output), batch()).all_findings


def error(loss):
    """The loss of a test as a task's."""
    return lambda model, batch, rng: gt.Losses({"error": loss(model, batch, rng)})


def squared(model, batch, rng):
    return tf.reduce_mean(tf.square(batch[1][:, None] - model(batch[0], training=True)))


def line_of(clue):
    """The text of the line that a finding names."""
    file, number = clue.where.split(", in ")[0].rsplit(":", 1)
    return Path(file).read_text().splitlines()[int(number) - 1]


def broadcast(model, batch, rng):
    difference = batch[1] - model(batch[0])  # every target meets every output
    return tf.reduce_mean(tf.square(difference))


def broadcast_by_keras(model, batch, rng):
    return tf.reduce_mean(keras.ops.square(keras.ops.subtract(model(batch[0]), batch[1])))


def weighted(model, batch, rng):
    losses = tf.square(batch[1][:, None] - model(batch[0]))
    return tf.reduce_mean(losses * tf.abs(batch[1]))


@pytest.mark.parametrize("loss", [broadcast, broadcast_by_keras, weighted])
def test_a_column_that_meets_a_row(loss):
    (clue,) = found(error(loss))
    assert "[6, 1] with [6] makes [6, 6]" in clue.what
    assert "batch[" in line_of(clue)


def pairwise(model, batch, rng):
    same = tf.cast(batch[1][:, None] > batch[1], tf.float32)
    scores = tf.squeeze(model(batch[0]), 1)
    return tf.reduce_mean(same * (scores[:, None] - scores[None, :])) + tf.reduce_mean(tf.expand_dims(scores, 1) * scores)


@pytest.mark.parametrize("loss", [squared, pairwise])
def test_pairs_that_are_meant_are_no_finding(loss):
    assert not found(error(loss))


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


@pytest.mark.parametrize("loss", [numpy_noise, python_number, Counting()])
def test_numbers_of_python_are_frozen(loss):
    (clue,) = found(error(loss))
    assert "second trace" in clue.what
    assert __file__ in clue.where


def test_numbers_of_tensorflow_s_own():
    def noisy(model, batch, rng):
        return squared(model, (batch[0] + tf.random.normal([6, 4]), batch[1]), rng)

    (clue,) = found(error(noisy))
    assert "RandomStandardNormal" in clue.what
    assert "tf.random.normal" in line_of(clue)


def with_layer(layer):
    return lambda: keras.Sequential([keras.Input((4,)), layers.Dense(8), layer(), layers.Dense(1)])


def without_training(model, batch, rng):
    return tf.reduce_mean(tf.square(batch[1][:, None] - model(batch[0])))


@pytest.mark.parametrize("layer", [layers.BatchNormalization, lambda: layers.Dropout(0.5), lambda: layers.GaussianNoise(1.0)])
def test_training_that_is_not_said(layer):
    (clue,) = found(error(without_training), with_layer(layer))
    assert "without `training`" in clue.what
    assert not found(error(squared), with_layer(layer))


@pytest.mark.parametrize("layer", [layers.LayerNormalization, lambda: layers.Dropout(0.0), layers.ReLU])
def test_layers_that_do_not_mind_training(layer):
    assert not found(error(without_training), with_layer(layer))


def test_a_frozen_batch_norm_with_its_first_statistics():
    def frozen():
        model = with_layer(layers.BatchNormalization)()
        model.layers[1].trainable = False
        return model

    def pretrained():
        model = frozen()
        model.layers[1].moving_mean.assign(model.layers[1].moving_mean + 0.3)
        return model

    (clue,) = found(error(squared), frozen)
    assert "normalises nothing" in clue.what
    assert not found(error(squared), pretrained)


def rounded(model, batch, rng):
    outputs = tf.round(model(batch[0]))
    return tf.reduce_mean(tf.square(batch[1][:, None] - outputs))


def by_class(model, batch, rng):
    best = tf.argmax(model(batch[0]), axis=1)
    return tf.reduce_mean(tf.square(batch[1] - tf.cast(best, tf.float32)))


def uncalled(model, batch, rng):
    return tf.reduce_mean(tf.square(batch[1]))


def stopped(model, batch, rng):
    outputs = tf.stop_gradient(model(batch[0]))
    return tf.reduce_mean(tf.square(batch[1][:, None] - outputs))


@pytest.mark.parametrize(
    ("loss", "reason"),
    [(rounded, "tf.round"), (by_class, "tf.argmax"), (stopped, "tf.stop_gradient"), (uncalled, "does not call it")],
)
def test_a_network_without_gradient(loss, reason):
    (clue,) = found(error(loss))
    assert reason in clue.what
    assert __file__ in clue.what or loss is uncalled


def test_a_term_without_gradient_beside_another():
    def loss(model, batch, rng):
        constant = tf.reduce_mean(tf.stop_gradient(model(batch[0])))
        return gt.Losses({"error": squared(model, batch, rng), "constant": constant})

    (clue,) = found(loss)
    assert '"constant" has no gradient' in clue.what


def test_a_gradient_that_is_zero():
    def loss(model, batch, rng):
        return tf.reduce_mean(tf.sign(model(batch[0])))

    (clue,) = found(error(loss))
    assert "is zero" in clue.what


def test_a_loss_that_leaves_tensorflow():
    def loss(model, batch, rng):
        return tf.reduce_mean(tf.square(batch[1][:, None] - model(batch[0]))) + batch[1].numpy().mean()

    (clue,) = found(error(loss))
    assert "eager mode only" in clue.what
    assert "numpy()" in line_of(clue)


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

    (clue,) = found(error(loss), model())
    assert f"second {activation}" in clue.what
    assert not found(error(loss), model("linear"))


class Greedy(PointGan):
    """A generator's update that moves the discriminator too."""

    def updates(self):
        first, second = super().updates()
        both = (self.generator, self.discriminator)
        return first, gt.Update("generator", self.generator_loss, both, second.optimizer)


def test_a_generator_s_update_that_moves_the_discriminator():
    (clue,) = gt.inspect(make(Greedy), points(64, 64)).all_findings
    assert "discriminator in opposite directions" in clue.what


class Ensemble(gt.Task):
    """Two members whose first weights have the seeds that are given."""

    seeds: tuple[int, int]

    def build_members(self):
        return [
            keras.Sequential([keras.Input((4,)), layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed))])
            for seed in self.seeds
        ]

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def loss(self, batch, rng):
        return gt.Losses({f"member_{place}": squared(member, batch, rng) for place, member in enumerate(self.members)})

    def updates(self):
        return (gt.Update("members", self.loss, tuple(self.members), self.optimizer),)


def test_networks_that_begin_alike():
    (clue,) = gt.inspect(Ensemble(seeds=(1, 1)), batch()).all_findings
    assert "begin with the same weights" in clue.what
    assert not gt.inspect(Ensemble(seeds=(1, 2)), batch()).all_findings


class Halves(gt.Task):
    """An encoder and a decoder, of which only those named are moved."""

    moved: tuple[str, ...]
    frozen: bool = False

    def build_encoder(self):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        model.trainable = not self.frozen
        return model

    def build_decoder(self):
        return keras.Sequential([keras.Input((3,)), layers.Dense(1)])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def loss(self, batch, rng):
        return gt.Losses({"error": tf.reduce_mean(tf.square(batch[1][:, None] - self.decoder(self.encoder(batch[0]))))})

    def updates(self):
        return (gt.Update("both", self.loss, [getattr(self, name) for name in self.moved], self.optimizer),)


def test_a_network_that_nobody_moves():
    (clue,) = gt.inspect(Halves(moved=("decoder",)), batch()).all_findings
    assert "encoder can be trained" in clue.what
    assert not gt.inspect(Halves(moved=("decoder",), frozen=True), batch()).all_findings
    assert not gt.inspect(Halves(moved=("encoder", "decoder")), batch()).all_findings


@pytest.mark.parametrize("recipe", ["dcgan", "wgan-gp"])
def test_no_finding_on_usual_recipes(recipe):
    assert not gt.inspect(small(RECIPES[recipe].task_class), batches(recipe)).all_findings


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [*RECIPES, *BEYOND])
def test_no_finding_on_any_recipe(recipe):
    task_class = BEYOND[recipe] if recipe in BEYOND else RECIPES[recipe].task_class
    labels = recipe in ("digits", "distillation")
    data = batches(recipe) if recipe in RECIPES else few(40, batch_size=8, labels=labels)
    assert not gt.inspect(small(task_class), data).all_findings
