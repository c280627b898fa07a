"""`keras.Model.fit` on arrays in memory, with one or many steps in an execution, and with or without XLA.

A GAN is a `keras.Model` with a `train_step` of its own, which reports the means of both losses.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from benchmarks.contenders import Arrays, Contender
from benchmarks.guide import PENALTY_WEIGHT, gradient_penalty
from benchmarks.keras_networks import network, optimizer
from benchmarks.workloads import GAN, Classifier, Nothing, Workload


class Fit(Contender):
    """A model that is trained further by each `run`.

    Args:
        workload: The workload.
        arrays: The data.
        steps_per_execution: Steps in a graph.
        xla: Whether a step is an XLA program.
    """

    def __init__(self, workload: Workload, arrays: Arrays, steps_per_execution: int, xla: bool) -> None:
        self._examples = arrays["examples"]
        self._labels = arrays.get("labels") if isinstance(workload.problem, Classifier) else None
        self._examples_per_step = workload.batch_size * workload.batches_per_step
        self._granule = steps_per_execution
        match workload.problem:
            case Classifier(classifier, method):
                self._model = keras.Sequential(
                    [keras.Input(classifier.input_shape), keras.layers.Rescaling(1 / 255.0), network(classifier)]
                )
                loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
                options: dict[str, Any] = {"optimizer": optimizer(method), "loss": loss, "metrics": ["accuracy"]}
            case GAN() as gan:
                self._model, options = _Gan(gan, workload.batch_size, workload.pixels), {}
            case Nothing():
                raise ValueError("fit() is not measured without a model")
        self._model.compile(steps_per_execution=steps_per_execution, jit_compile=xla, **options)

    def run(self, steps: int) -> int:
        """Fit for whole executions, in epochs of equal length."""
        executions = -(-steps // self._granule)
        in_epoch = len(self._examples) // (self._examples_per_step * self._granule)
        epochs = -(-executions // in_epoch)
        per_epoch = -(-executions // epochs) * self._granule
        count = per_epoch * self._examples_per_step
        labels = None if self._labels is None else self._labels[:count]
        self._model.fit(
            self._examples[:count], labels, batch_size=self._examples_per_step, epochs=epochs, verbose=0, shuffle=True
        )
        return epochs * per_epoch


def contender(workload: Workload, arrays: Arrays, variant: str) -> Fit:
    """`fit()`, by the steps in an execution: "32" or, with XLA, "xla-32"."""
    prefix, _, steps = variant.rpartition("-")
    return Fit(workload, arrays, int(steps), xla=prefix == "xla")


class _Gan(keras.Model):  # type: ignore[misc]  # Keras has no types
    def __init__(self, gan: GAN, batch_size: int, pixels: tuple[float, float]) -> None:
        super().__init__()
        self.problem, self.batch_size, self.pixels = gan, batch_size, pixels
        self.discriminator = network(gan.discriminator, "discriminator")
        self.generator = network(gan.generator, "generator")
        self.d_optimizer = optimizer(gan.discriminator_optimizer)
        self.g_optimizer = optimizer(gan.generator_optimizer)
        self.d_optimizer.build(self.discriminator.trainable_variables)
        self.g_optimizer.build(self.generator.trainable_variables)
        self.d_loss_metric, self.g_loss_metric = keras.metrics.Mean("d_loss"), keras.metrics.Mean("g_loss")
        self.cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        self.built = True

    @property
    def metrics(self) -> list[Any]:
        return [self.d_loss_metric, self.g_loss_metric]

    def train_step(self, data: Any) -> dict[str, Any]:
        examples = data[0] if isinstance(data, tuple) else data
        if examples.dtype == tf.uint8:
            low, high = self.pixels
            examples = tf.cast(examples, tf.float32) * ((high - low) / 255.0) + low
        for place in range(self.problem.discriminator_updates):
            real = examples[place * self.batch_size : (place + 1) * self.batch_size]
            real = tf.ensure_shape(real, (self.batch_size, *self.problem.discriminator.input_shape))
            loss = self._descend(self.discriminator, self.d_optimizer, functools.partial(self._discriminator_loss, real))
            self.d_loss_metric.update_state(loss)
        self.g_loss_metric.update_state(self._descend(self.generator, self.g_optimizer, self._generator_loss))
        return {"d_loss": self.d_loss_metric.result(), "g_loss": self.g_loss_metric.result()}

    def _descend(self, model: Any, method: Any, loss_of: Callable[[], Any]) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of()
        weights = model.trainable_variables
        method.apply(tape.gradient(loss, weights), weights)
        return loss

    def _generated(self) -> Any:
        return self.generator(tf.random.normal((self.batch_size, self.problem.latent_size)), training=True)

    def _discriminator_loss(self, real: Any) -> Any:
        fake = self._generated()
        if self.problem.loss == "noisy-labels":
            scores = self.discriminator(tf.concat([fake, real], axis=0), training=True)
            labels = tf.concat([tf.ones((self.batch_size, 1)), tf.zeros((self.batch_size, 1))], axis=0)
            return self.cross_entropy(labels + 0.05 * tf.random.uniform(labels.shape), scores)
        real_scores, fake_scores = self.discriminator(real, training=True), self.discriminator(fake, training=True)
        if self.problem.loss == "wasserstein":
            penalty = gradient_penalty(self.discriminator, real, fake)
            return tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores) + PENALTY_WEIGHT * penalty
        return tf.reduce_mean(tf.nn.softplus(-real_scores)) + tf.reduce_mean(tf.nn.softplus(fake_scores))

    def _generator_loss(self) -> Any:
        scores = self.discriminator(self._generated(), training=True)
        match self.problem.loss:
            case "noisy-labels":
                return self.cross_entropy(tf.zeros_like(scores), scores)
            case "wasserstein":
                return -tf.reduce_mean(scores)
            case "non-saturating":
                return tf.reduce_mean(tf.nn.softplus(-scores))
