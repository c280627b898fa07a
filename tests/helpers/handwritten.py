"""The loops of the Keras guide, written by hand in plain TensorFlow and Keras: what gantape's training is compared with.

They follow the guide line by line, but for three things: the order of the batches and the random numbers are gantape's pure
functions of (seed, epoch) and (seed, step, name), the partial last batch of an epoch is dropped, and `training=True` is passed.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import gantape as gt

layers = keras.layers


def batches(arrays: tuple[np.ndarray, ...], batch_size: int, seed: int, epoch: int) -> Iterator[tuple[Any, ...]]:
    """The whole batches of an epoch."""
    order = gt.data.shuffled(len(arrays[0]), seed, epoch)
    for start in range(0, len(order) - batch_size + 1, batch_size):
        yield tuple(tf.constant(array[order[start : start + batch_size]]) for array in arrays)


def classifier(activity_regularization: bool = False) -> keras.Model:
    """The guide's network of 784, 64, 64 and 10 units."""
    inputs = keras.Input(shape=(784,), name="digits")
    x = layers.Dense(64, activation="relu")(inputs)
    if activity_regularization:
        x = ActivityRegularizationLayer()(x)
    x = layers.Dense(64, activation="relu")(x)
    outputs = layers.Dense(10, name="predictions")(x)
    return keras.Model(inputs=inputs, outputs=outputs)


class ActivityRegularizationLayer(layers.Layer):
    """The guide's layer that adds a loss."""

    def call(self, inputs: Any) -> Any:
        self.add_loss(1e-2 * tf.reduce_sum(inputs))
        return inputs


def discriminator() -> keras.Model:
    """The guide's discriminator, 74,625 parameters."""
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(64, (3, 3), strides=(2, 2), padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(128, (3, 3), strides=(2, 2), padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(1),
        ]
    )


def generator(latent_size: int = 128) -> keras.Model:
    """The guide's generator, 1,339,905 parameters."""
    return keras.Sequential(
        [
            keras.Input(shape=(latent_size,)),
            layers.Dense(7 * 7 * 128),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Reshape((7, 7, 128)),
            layers.Conv2DTranspose(128, (4, 4), strides=(2, 2), padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2DTranspose(128, (4, 4), strides=(2, 2), padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(1, (7, 7), padding="same", activation="sigmoid"),
        ]
    )


class Classification:
    """Sections one to four of the guide: one model, one optimizer, one loss, accuracy."""

    def __init__(self, model: keras.Model, learning_rate: float) -> None:
        self.model = model
        self.optimizer = keras.optimizers.SGD(learning_rate=learning_rate)
        self.loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.train_acc_metric = keras.metrics.SparseCategoricalAccuracy()
        self.val_acc_metric = keras.metrics.SparseCategoricalAccuracy()
        self.optimizer.build(model.trainable_weights)

    def train_step(self, x: Any, y: Any) -> Any:
        """One step of gradient descent; returns the loss."""
        with tf.GradientTape() as tape:
            logits = self.model(x, training=True)
            loss_value = self.loss_fn(y, logits)
            loss_value += sum(self.model.losses)
        grads = tape.gradient(loss_value, self.model.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.model.trainable_weights, strict=True))
        self.train_acc_metric.update_state(y, logits)
        return loss_value

    def train_epoch(self, train_step: Callable[..., Any], epoch_batches: Iterator[tuple[Any, ...]]) -> tuple[float, float]:
        """An epoch of such steps; returns the mean loss and the accuracy."""
        losses = [float(train_step(x, y)) for x, y in epoch_batches]
        accuracy = float(self.train_acc_metric.result())
        self.train_acc_metric.reset_state()
        return float(np.mean(losses)), accuracy

    def validate(self, x_val: np.ndarray, y_val: np.ndarray, batch_size: int) -> tuple[float, float]:
        """The mean loss over all examples, and the accuracy."""
        losses = []
        for start in range(0, len(x_val), batch_size):
            x, y = x_val[start : start + batch_size], y_val[start : start + batch_size]
            val_logits = self.model(x, training=False)
            losses.append(len(x) * float(self.loss_fn(y, val_logits)))
            self.val_acc_metric.update_state(y, val_logits)
        accuracy = float(self.val_acc_metric.result())
        self.val_acc_metric.reset_state()
        return sum(losses) / len(x_val), accuracy


class AdversarialLoop:
    """The guide's last section: a discriminator against a generator, with noisy labels."""

    def __init__(self, discriminator: keras.Model, generator: keras.Model, seed: int) -> None:
        self.discriminator = discriminator
        self.generator = generator
        self.seed = seed
        self.d_optimizer = keras.optimizers.Adam(learning_rate=0.0003)
        self.g_optimizer = keras.optimizers.Adam(learning_rate=0.0004)
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)
        self.d_optimizer.build(discriminator.trainable_weights)
        self.g_optimizer.build(generator.trainable_weights)

    def train_step(self, real_images: Any, step: int) -> tuple[Any, Any]:
        """One update of each network; returns the discriminator's loss and the generator's."""
        batch_size = real_images.shape[0]
        latent_dim = self.generator.input_shape[-1]
        rng = gt.RandomStreams(self.seed, step).stream("discriminator", 0)
        random_latent_vectors = rng.normal("latent", (batch_size, latent_dim))
        generated_images = self.generator(random_latent_vectors, training=True)
        combined_images = tf.concat([generated_images, real_images], axis=0)

        labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((real_images.shape[0], 1))], axis=0)
        labels = tf.cast(labels, keras.config.floatx())
        labels += 0.05 * rng.uniform("labels", labels.shape)

        with tf.GradientTape() as tape:
            predictions = self.discriminator(combined_images, training=True)
            d_loss = self.loss_fn(labels, predictions)
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_weights, strict=True))

        rng = gt.RandomStreams(self.seed, step).stream("generator", 0)
        random_latent_vectors = rng.normal("latent", (batch_size, latent_dim))
        misleading_labels = tf.zeros((batch_size, 1))

        with tf.GradientTape() as tape:
            predictions = self.discriminator(self.generator(random_latent_vectors, training=True), training=True)
            g_loss = self.loss_fn(misleading_labels, predictions)
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights, strict=True))
        return d_loss, g_loss
