"""Tasks small enough to train in a test in every mode, and what tests ask of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

import gantape as gt

layers = keras.layers

MODES = ("eager", "graph", "xla", "xla-loop")
COMPILED = MODES[1:]


class Classifier(gt.SupervisedTask):
    """Four numbers to three classes, with batch norm."""

    learning_rate: float = 0.05

    def build_model(self):
        return keras.Sequential(
            [keras.Input((4,)), layers.Dense(6), layers.BatchNormalization(), layers.ReLU(), layers.Dense(3)]
        )

    def build_optimizer(self):
        return keras.optimizers.Adam(self.learning_rate)

    def build_loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def build_metrics(self):
        return gt.MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())


class PointGan(gt.AdversarialTask):
    """Points in the plane."""

    latent_size: int = 3
    penalised: bool = False
    learning_rate: float = 0.01

    def build_generator(self):
        return keras.Sequential([keras.Input((self.latent_size,)), layers.Dense(8, activation="tanh"), layers.Dense(2)])

    def build_discriminator(self):
        return keras.Sequential([keras.Input((2,)), layers.Dense(8, activation="tanh"), layers.Dense(1)])

    def build_generator_optimizer(self):
        return keras.optimizers.Adam(self.learning_rate)

    def build_discriminator_optimizer(self):
        return keras.optimizers.Adam(self.learning_rate)

    def build_penalties(self):
        return (gt.losses.GradientPenalty(),) if self.penalised else ()


class BatchNormGan(PointGan):
    """Points in the plane, from a generator with batch norm."""

    def build_generator(self):
        return keras.Sequential(
            [keras.Input((self.latent_size,)), layers.Dense(8), layers.BatchNormalization(), layers.ReLU(), layers.Dense(2)]
        )


class LazyGan(PointGan):
    """A generator that is updated in every second step only, a discriminator in every third."""

    def updates(self):
        return (
            gt.Update("discriminator", self.discriminator_loss, (self.discriminator,), self.discriminator_optimizer, every=3),
            gt.Update("generator", self.generator_loss, (self.generator,), self.generator_optimizer, every=2),
        )


def make(task_class: type[Any], **hyperparameters: Any) -> Any:
    """A task, always with the same initial weights."""
    keras.utils.set_random_seed(3)
    return task_class(**hyperparameters)


def loop_on(task_class: type[Any] = Classifier, mode: Any = "graph", **options: Any) -> gt.Loop:
    """A loop on a task, with four steps in a call."""
    return gt.Loop(make(task_class), compiler=gt.StepCompiler(mode, steps_per_call=options.pop("steps_per_call", 4)), **options)


def labelled(examples: int = 64, batch_size: int = 4) -> gt.data.ArrayBatches:
    """Points of three classes."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, examples)
    inputs = generator.normal(size=(examples, 4)) + labels[:, None]
    return gt.data.from_arrays((inputs.astype(keras.config.floatx()), labels), batch_size=batch_size)


def points(examples: int = 64, batch_size: int = 4) -> gt.data.ArrayBatches:
    """Points in the plane."""
    numbers = np.random.default_rng(1).normal(size=(examples, 2)) + 2.0
    return gt.data.from_arrays(numbers.astype(keras.config.floatx()), batch_size=batch_size)


def data_for(task: gt.Task, examples: int = 64) -> gt.data.ArrayBatches:
    """What the tasks of this module are trained on."""
    return labelled(examples) if isinstance(task, Classifier) else points(examples)


def weights(task: gt.Task) -> list[np.ndarray]:
    """Every variable of a task: weights, statistics, optimizers, metrics."""
    return [np.array(variable.numpy()) for variable in task.variables]


def identical(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    """Whether all are equal, bit for bit."""
    return len(some) == len(others) and all(map(np.array_equal, some, others))


@contextmanager
def double_precision() -> Iterator[None]:
    """Keras in float64: modes then differ by rounding of 1e-16, and by the noise, which is drawn in float32."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
