"""A task with the loss that a test gives, and what `inspect` finds in it."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import gantape as gt

layers = keras.layers


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


def findings_of(loss, output=None):
    keras.utils.set_random_seed(0)
    return gt.inspect(Regression(loss=loss, output=output), batch()).all_findings


def named(loss):
    """The loss of a test as a task's."""
    return lambda model, batch, rng: gt.Losses({"error": loss(model, batch, rng)})


def squared(model, batch, rng):
    return tf.reduce_mean(tf.square(batch[1][:, None] - model(batch[0], training=True)))


def line_of(clue):
    """The text of the line that a finding names."""
    file, number = clue.where.split(", in ")[0].rsplit(":", 1)
    return Path(file).read_text().splitlines()[int(number) - 1]
