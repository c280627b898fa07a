"""The loops that gantape replaces, written by hand: the same networks, batches, noise, losses and metrics in each mode.

The data lies in memory as tensors, and a step gathers its batch inside the graph.
"""

from collections.abc import Callable
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

import gantape as gt
from benchmarks.contenders import Arrays, Contender, Order
from benchmarks.keras_networks import task
from benchmarks.workloads import GAN, Classifier, Nothing, Workload

Step = Callable[[list[Any], Any], Any]
"""`step(batches, number)`: runs one step and returns its losses, stacked."""

STEPS_PER_CALL = {"eager": 1, "graph": 32, "xla": 32, "xla-loop": 128}


class HandWritten(Contender):
    """A loop in one of gantape's modes.

    Args:
        workload: The workload.
        arrays: The data.
        mode: The mode.
    """

    def __init__(self, workload: Workload, arrays: Arrays, mode: str) -> None:
        self.task = task(workload)
        self._order = Order(len(arrays["examples"]), workload.batch_size)
        self._width = workload.batches_per_step
        self._most = min(STEPS_PER_CALL[mode], workload.steps_per_call)
        self._number = 0
        examples = tf.constant(arrays["examples"])
        labels = tf.constant(arrays["labels"]) if "labels" in arrays else None
        step, losses = _step(workload.problem, self.task)

        def one_step(rows: Any, number: Any) -> Any:
            return step([_batch(examples, labels, rows[place], workload.pixels) for place in range(self._width)], number)

        compiled_step = tf.function(one_step, jit_compile=True) if mode == "xla" else one_step

        def many_steps(rows: Any, first: Any, count: Any) -> Any:
            totals = tf.zeros(losses)
            for index in tf.range(count):
                totals += compiled_step(rows[index], first + index)
            return totals

        self._many_steps: Callable[..., Any] = many_steps
        if mode != "eager":
            self._many_steps = tf.function(many_steps, jit_compile=mode == "xla-loop" or None)

    def run(self, steps: int) -> int:
        totals: Any = 0.0
        for done in range(0, steps, self._most):
            count = min(self._most, steps - done)
            rows = np.zeros((self._most, self._width, self._order.batch_size), np.int32)
            rows[:count] = self._order.take(count * self._width).reshape(count, self._width, -1)
            first = tf.constant(self._number + done, tf.int64)
            totals += self._many_steps(tf.constant(rows), first, tf.constant(count, tf.int64))
        self._number += steps
        totals.numpy()
        return steps


def contender(workload: Workload, arrays: Arrays, variant: str) -> HandWritten:
    """A hand-written loop in a mode."""
    return HandWritten(workload, arrays, variant)


def _batch(examples: Any, labels: Any, rows: Any, pixels: tuple[float, float]) -> Any:
    chosen = tf.gather(examples, rows)
    if chosen.dtype == tf.uint8:
        chosen = tf.cast(chosen, tf.float32) * ((pixels[1] - pixels[0]) / 255.0) + pixels[0]
    return chosen if labels is None else (chosen, tf.gather(labels, rows))


def _step(problem: Classifier | GAN | Nothing, parts: Any) -> tuple[Step, int]:
    """The step, and how many losses it returns."""
    match problem:
        case Classifier():
            return _classifier_step(cast(gt.SupervisedTask, parts)), 1
        case GAN():
            return _adversarial_step(cast(gt.AdversarialTask, parts), problem), 2
        case Nothing():
            return _empty_step(parts), 1


def _classifier_step(parts: gt.SupervisedTask) -> Step:
    model, optimizer = parts.model, parts.optimizer
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = keras.metrics.SparseCategoricalAccuracy()

    def step(batches: list[Any], _: Any) -> Any:
        (images, labels) = batches[0]
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = loss_function(labels, logits)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        accuracy.update_state(labels, logits)
        return loss[None]

    return step


def _adversarial_step(parts: gt.AdversarialTask, gan: GAN) -> Step:
    generator, discriminator = parts.generator, parts.discriminator
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    real_score, fake_score = keras.metrics.Mean(), keras.metrics.Mean()

    def discriminator_loss(real: Any, rng: gt.RandomStreams) -> tuple[Any, Any, Any]:
        count = real.shape[0]
        fake = generator(rng.normal("latent", [count, gan.latent_size]), training=True)
        if gan.loss == "noisy-labels":
            scores = discriminator(tf.concat([fake, real], axis=0), training=True)
            labels = tf.concat([tf.ones((count, 1)), tf.zeros((count, 1))], axis=0)
            labels += 0.05 * rng.uniform("labels", labels.shape)
            return cross_entropy(labels, scores), scores[count:], scores[:count]
        real_scores, fake_scores = discriminator(real, training=True), discriminator(fake, training=True)
        if gan.loss == "wasserstein":
            loss = tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores)
            return loss + gradient_penalty(real, fake, rng), real_scores, fake_scores
        loss = tf.reduce_mean(tf.nn.softplus(-real_scores)) + tf.reduce_mean(tf.nn.softplus(fake_scores))
        return loss, real_scores, fake_scores

    def gradient_penalty(real: Any, fake: Any, rng: gt.RandomStreams) -> Any:
        mix = rng.stream("gradient_penalty").uniform("mix", [real.shape[0], *[1] * (len(real.shape) - 1)])
        between = mix * real + (1.0 - mix) * fake
        with tf.GradientTape() as tape:
            tape.watch(between)
            scores = discriminator(between, training=True)
        squares = tf.reduce_sum(tf.square(tape.gradient(scores, between)), axis=list(range(1, len(real.shape))))
        return 10.0 * tf.reduce_mean(tf.square(tf.sqrt(squares + 1e-10) - 1.0))

    def generator_loss(count: int, rng: gt.RandomStreams) -> Any:
        scores = discriminator(generator(rng.normal("latent", [count, gan.latent_size]), training=True), training=True)
        if gan.loss == "noisy-labels":
            return cross_entropy(tf.zeros_like(scores), scores)
        return -tf.reduce_mean(scores) if gan.loss == "wasserstein" else tf.reduce_mean(tf.nn.softplus(-scores))

    def step(batches: list[Any], number: Any) -> Any:
        rng = gt.RandomStreams(0, number)
        total = 0.0
        for repeat, batch in enumerate(batches):
            real = batch[0] if isinstance(batch, tuple) else batch
            with tf.GradientTape() as tape:
                loss, real_scores, fake_scores = discriminator_loss(real, rng.stream("discriminator", repeat))
            weights = discriminator.trainable_variables
            parts.discriminator_optimizer.apply(tape.gradient(loss, weights), weights)
            real_score.update_state(real_scores)
            fake_score.update_state(fake_scores)
            total += loss
        with tf.GradientTape() as tape:
            loss = generator_loss(real.shape[0], rng.stream("generator", 0))
        weights = generator.trainable_variables
        parts.generator_optimizer.apply(tape.gradient(loss, weights), weights)
        return tf.stack([total / len(batches), loss])

    return step


def _empty_step(parts: Any) -> Step:
    def step(_: list[Any], __: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.square(parts.number)
        parts.optimizer.apply([tape.gradient(loss, parts.number.value)], [parts.number])
        return loss[None]

    return step
