"""The loops of the Keras guide "Writing a training loop from scratch in TensorFlow", unchanged.

A step is a `tf.function` (or, before the guide comes to that, Python), a `tf.data` pipeline shuffles and batches, and the
loss is read every 200 steps. What Keras 3 renamed is renamed; data whose last batch is partial is cut before.

References:
    Chollet, Writing a training loop from scratch in TensorFlow, keras.io.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.architecture import Flatten
from benchmarks.contenders import Arrays, Contender
from benchmarks.keras_networks import network, optimizer
from benchmarks.workloads import GAN, Classifier, Nothing, Workload

LOG_EVERY = 200
PENALTY_WEIGHT = 10.0


class GuideLoop(Contender):
    """A step of the guide, once for each batch of its pipeline.

    Args:
        workload: The workload.
        arrays: The data.
        compiled: Whether the step is a `tf.function`.
    """

    def __init__(self, workload: Workload, arrays: Arrays, compiled: bool) -> None:
        step, self._dataset = _step_and_data(workload, arrays)
        self._step = tf.function(step) if compiled else step
        self._batches = self._endless()

    def run(self, steps: int) -> int:
        for step in range(steps):
            loss = self._step(*next(self._batches))
            if step % LOG_EVERY == 0:
                float(loss)
        float(loss)
        return steps

    def _endless(self) -> Iterator[Any]:
        while True:
            yield from self._dataset


def contender(workload: Workload, arrays: Arrays, variant: str) -> GuideLoop:
    """The guide's loop, "eager" or a "graph"."""
    return GuideLoop(workload, arrays, compiled=variant == "graph")


def _step_and_data(workload: Workload, arrays: Arrays) -> tuple[Callable[..., Any], Any]:
    size = workload.batch_size
    per_step = size * workload.batches_per_step
    examples = arrays["examples"][: len(arrays["examples"]) // per_step * per_step]
    match workload.problem:
        case Classifier() as problem:
            step = _classifier_step(problem)
            # The guide's classifier takes its pixels as bytes.
            inputs = examples if isinstance(problem.network.layers[0], Flatten) else examples.astype("float32") / 255.0
            parts: Any = (inputs, arrays["labels"][: len(inputs)])
        case GAN() as gan:
            step = _guide_gan_step(gan, size) if gan.loss == "noisy-labels" else _gan_step(gan, size)
            low, high = workload.pixels
            parts = (examples.astype("float32") / 255.0 * (high - low) + low if examples.dtype == np.uint8 else examples,)
        case Nothing():
            raise ValueError("the guide has no loop without a model")
    dataset = tf.data.Dataset.from_tensor_slices(parts)
    return step, dataset.shuffle(buffer_size=1024).batch(per_step)


def _classifier_step(problem: Classifier) -> Callable[..., Any]:
    model = network(problem.network)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    train_acc_metric = keras.metrics.SparseCategoricalAccuracy()
    gradient_descent = optimizer(problem.optimizer)
    gradient_descent.build(model.trainable_weights)

    def train_step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss_value = loss_fn(y, logits)
        grads = tape.gradient(loss_value, model.trainable_weights)
        gradient_descent.apply_gradients(zip(grads, model.trainable_weights, strict=True))
        train_acc_metric.update_state(y, logits)
        return loss_value

    return train_step


def _guide_gan_step(gan: GAN, batch_size: int) -> Callable[..., Any]:
    discriminator, generator = network(gan.discriminator, "discriminator"), network(gan.generator, "generator")
    d_optimizer, g_optimizer = optimizer(gan.discriminator_optimizer), optimizer(gan.generator_optimizer)
    d_optimizer.build(discriminator.trainable_weights)
    g_optimizer.build(generator.trainable_weights)
    loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)
    latent_dim = gan.latent_size

    def train_step(real_images: Any) -> Any:
        random_latent_vectors = tf.random.normal(shape=(batch_size, latent_dim))
        generated_images = generator(random_latent_vectors)
        combined_images = tf.concat([generated_images, real_images], axis=0)
        labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
        labels += 0.05 * tf.random.uniform(labels.shape)
        with tf.GradientTape() as tape:
            predictions = discriminator(combined_images)
            d_loss = loss_fn(labels, predictions)
        grads = tape.gradient(d_loss, discriminator.trainable_weights)
        d_optimizer.apply_gradients(zip(grads, discriminator.trainable_weights, strict=True))

        random_latent_vectors = tf.random.normal(shape=(batch_size, latent_dim))
        misleading_labels = tf.zeros((batch_size, 1))
        with tf.GradientTape() as tape:
            predictions = discriminator(generator(random_latent_vectors))
            g_loss = loss_fn(misleading_labels, predictions)
        grads = tape.gradient(g_loss, generator.trainable_weights)
        g_optimizer.apply_gradients(zip(grads, generator.trainable_weights, strict=True))
        return d_loss + g_loss

    return train_step


def _gan_step(gan: GAN, batch_size: int) -> Callable[..., Any]:
    """The same loop for GANs that are not in the guide."""
    discriminator, generator = network(gan.discriminator, "discriminator"), network(gan.generator, "generator")
    d_optimizer, g_optimizer = optimizer(gan.discriminator_optimizer), optimizer(gan.generator_optimizer)
    d_optimizer.build(discriminator.trainable_weights)
    g_optimizer.build(generator.trainable_weights)
    wasserstein = gan.loss == "wasserstein"

    def generate() -> Any:
        return generator(tf.random.normal(shape=(batch_size, gan.latent_size)), training=True)

    def discriminator_loss(real: Any) -> Any:
        fake = generate()
        real_scores, fake_scores = discriminator(real, training=True), discriminator(fake, training=True)
        if wasserstein:
            penalty = gradient_penalty(discriminator, real, fake)
            return tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores) + PENALTY_WEIGHT * penalty
        return tf.reduce_mean(tf.nn.softplus(-real_scores)) + tf.reduce_mean(tf.nn.softplus(fake_scores))

    def train_step(real_examples: Any) -> Any:
        for real in tf.split(real_examples, gan.discriminator_updates):
            with tf.GradientTape() as tape:
                d_loss = discriminator_loss(real)
            grads = tape.gradient(d_loss, discriminator.trainable_weights)
            d_optimizer.apply_gradients(zip(grads, discriminator.trainable_weights, strict=True))
        with tf.GradientTape() as tape:
            scores = discriminator(generate(), training=True)
            g_loss = -tf.reduce_mean(scores) if wasserstein else tf.reduce_mean(tf.nn.softplus(-scores))
        grads = tape.gradient(g_loss, generator.trainable_weights)
        g_optimizer.apply_gradients(zip(grads, generator.trainable_weights, strict=True))
        return d_loss + g_loss

    return train_step


def gradient_penalty(discriminator: Any, real: Any, fake: Any) -> Any:
    """The mean over the batch of (‖∇D‖₂ - 1)², between real and generated examples."""
    mix = tf.random.uniform((real.shape[0], *[1] * (len(real.shape) - 1)))
    between = mix * real + (1.0 - mix) * fake
    with tf.GradientTape() as tape:
        tape.watch(between)
        scores = discriminator(between, training=True)
    squares = tf.reduce_sum(tf.square(tape.gradient(scores, between)), axis=list(range(1, len(real.shape))))
    return tf.reduce_mean(tf.square(tf.sqrt(squares + 1e-10) - 1.0))
