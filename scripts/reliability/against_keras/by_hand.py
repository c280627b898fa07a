"""A gan trained by a loop written by hand with `tf.GradientTape`."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import gantape as gt
from reliability.against_keras.cases import precision_of
from reliability.against_keras.gans import LATENT, DrawnGAN, draw_real, make_discriminator, make_generator
from reliability.against_keras.optimizers_of_cases import make_optimizer
from reliability.against_keras.outcomes import TrainingOutcome, variables_of

Tensor = Any


def entropy(target: float) -> Callable[[Tensor], Tensor]:
    """The cross-entropy of scores to a target."""
    return lambda scores: tf.reduce_mean(
        keras.losses.binary_crossentropy(target * tf.ones_like(scores), scores, from_logits=True)
    )


def hinge(scores: Tensor) -> Tensor:
    """The hinge loss of scores that are to be above 1."""
    return tf.reduce_mean(tf.maximum(0.0, 1.0 - scores))


def to_averages(pair: Callable[[Tensor], Tensor], low: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A relativistic loss of each score against the mean of the others."""
    return lambda r, g: pair(r - tf.reduce_mean(g)) + low(g - tf.reduce_mean(r))


def square(scores: Tensor) -> Tensor:
    """Half of the mean square."""
    return tf.reduce_mean(scores**2) / 2.0


def swapped(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss with the roles of real and generated examples exchanged."""
    return lambda r, g: loss(g, r)


mean = tf.reduce_mean
fool, average = entropy(1.0), to_averages(entropy(1.0), entropy(0.0))
average_hinge = to_averages(hinge, lambda scores: hinge(-scores))
LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "non-saturating": (lambda r, g: entropy(1.0)(r) + entropy(0.0)(g), lambda r, g: fool(g)),
    "minimax": (lambda r, g: entropy(1.0)(r) + entropy(0.0)(g), lambda r, g: -entropy(0.0)(g)),
    "least squares": (lambda r, g: square(r - 1.0) + square(g), lambda r, g: square(g - 1.0)),
    "Wasserstein": (lambda r, g: mean(g) - mean(r), lambda r, g: -mean(g)),
    "hinge": (lambda r, g: hinge(r) + hinge(-g), lambda r, g: -mean(g)),
    "smoothing": (lambda r, g: entropy(0.9)(r) + entropy(0.0)(g), lambda r, g: fool(g)),
    "pairing": (lambda r, g: fool(r - g), lambda r, g: fool(g - r)),
    "average": (average, swapped(average)),
    "average hinge": (average_hinge, swapped(average_hinge)),
}
"""The losses of the discriminator and of the generator, from scores of real and of generated examples."""


def noisy_labels(r: Tensor, g: Tensor, rng: gt.RandomStreams) -> Tensor:
    """The discriminator's loss of the Keras guide."""
    scores = tf.concat([g, r], 0)
    labels = tf.concat([tf.ones_like(g), tf.zeros_like(r)], 0)
    labels += tf.cast(0.05 * rng.uniform("labels", labels.shape), labels.dtype)
    return mean(keras.losses.binary_crossentropy(labels, scores, from_logits=True))


def penalty(name: str, discriminator: Any, real: Tensor, fake: Tensor, rng: gt.RandomStreams) -> Tensor:
    """A penalty on the gradient of the discriminator."""
    if name in ("gradient_penalty", "one-sided"):
        mix = tf.cast(rng.uniform("mix", (len(real), 1)), real.dtype)
        x = mix * real + (1.0 - mix) * fake
    elif name == "dragan_penalty":
        x = real + tf.cast(0.5 * tf.math.reduce_std(real), real.dtype) * tf.cast(rng.uniform("around", real.shape), real.dtype)
    else:
        x = real if name == "r1" else fake
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = discriminator(x, training=True)
    squares = tf.reduce_sum(tape.gradient(scores, x) ** 2, axis=1)
    if name in ("r1", "r2"):
        return 0.25 * mean(squares)
    excess = tf.sqrt(squares + 1e-10) - 1.0
    return 2.0 * mean((tf.maximum(excess, 0.0) if name == "one-sided" else excess) ** 2)


class LoopByHand:
    """The loop: one step updates the discriminator on its batches, then the generator on the last of them."""

    def __init__(self, gan: DrawnGAN) -> None:
        self.gan = gan
        self.generator = make_generator(gan)
        self.discriminator = make_discriminator(gan)
        self.averaged = make_generator(gan) if gan.decay or gan.half_life else None
        if self.averaged is not None:
            self.averaged.set_weights(self.generator.get_weights())
        self.g_optimizer, self.d_optimizer = make_optimizer(gan), make_optimizer(gan)
        self.g_optimizer.build(self.generator.trainable_variables)
        self.d_optimizer.build(self.discriminator.trainable_variables)
        self.logged: dict[str, list[float]] = {}

    def train(self) -> TrainingOutcome:
        """All steps of all epochs; the logged values are means over the steps of an epoch."""
        rows, step = [], 0
        for epoch in range(self.gan.epochs):
            self.logged = {}
            for batches in self._batches(epoch):
                self._step(batches, step)
                step += 1
            rows.append({name: float(np.mean(values)) for name, values in self.logged.items()})
        averaged = [] if self.averaged is None else [self.averaged]
        parts = (self.generator, self.discriminator, self.g_optimizer, self.d_optimizer, *averaged)
        return TrainingOutcome(variables_of(*parts), rows, {})

    def _batches(self, epoch: int) -> Iterator[list[Tensor]]:
        """The batches of each step; a partial last batch, and batches that do not fill a step, are left out."""
        size, (for_d, for_g) = self.gan.batch_size, self.gan.accumulate
        order = gt.data.shuffled(self.gan.examples, self.gan.seed, epoch)
        ordered = draw_real(self.gan)[order]
        batches = [tf.constant(ordered[start : start + size]) for start in range(0, len(order) - size + 1, size)]
        width = max(for_d * self.gan.repeats, for_g)
        for start in range(0, len(batches) - width + 1, width):
            yield batches[start : start + width]

    def _step(self, batches: list[Tensor], step: int) -> None:
        rng = gt.RandomStreams(self.gan.seed, step)
        for_d, for_g = self.gan.accumulate
        mine = batches[len(batches) - for_d * self.gan.repeats :]
        for first in range(0, len(mine), for_d):
            places = range(first, first + for_d)
            results = [self._d_gradients(mine[i], rng.stream("discriminator", i), step) for i in places]
            self._apply("discriminator", results, self.discriminator, self.d_optimizer)
            for variable in self.discriminator.trainable_variables if self.gan.clip_weights else []:
                variable.assign(tf.clip_by_value(variable, -self.gan.clip_weights, self.gan.clip_weights))
        offset = len(mine) - for_g
        streams = [
            rng.stream("discriminator", i + offset) if self.gan.shared and i + offset >= 0 else rng.stream("generator", i)
            for i in range(for_g)
        ]
        newest = batches[len(batches) - for_g :]
        results = [self._g_gradients(batch, stream) for batch, stream in zip(newest, streams, strict=True)]
        self._apply("generator", results, self.generator, self.g_optimizer)
        if self.averaged is not None:
            self._follow(step, for_g * self.gan.batch_size)

    def _d_gradients(self, real: Tensor, rng: gt.RandomStreams, step: int) -> tuple[Tensor, list[Tensor]]:
        gan, discriminator = self.gan, self.discriminator
        fake = self.generator(self._latents(rng), training=True)
        with tf.GradientTape() as tape:
            r, g = self._scores(real, fake)
            loss = noisy_labels(r, g, rng) if gan.loss == "noisy labels" else LOSSES[gan.loss][0](r, g)
            for place, name in enumerate(gan.penalties):
                every = gan.lazy if place == 0 else 1
                if step % every == 0:
                    stream = rng.stream("gradient_penalty" if name == "one-sided" else name)
                    loss += every * penalty(name, discriminator, real, fake, stream)
            loss += sum(discriminator.losses)
        self._log(real_score=mean(r), fake_score=mean(g))
        return loss, tape.gradient(loss, discriminator.trainable_variables)

    def _g_gradients(self, real: Tensor, rng: gt.RandomStreams) -> tuple[Tensor, list[Tensor]]:
        gan = self.gan
        with tf.GradientTape() as tape:
            fake = self.generator(self._latents(rng), training=True)
            if gan.loss in ("pairing", "average", "average hinge"):
                r, g = self._scores(real, fake)
            else:
                r, g = None, self.discriminator(fake, training=True)
            loss = entropy(0.0)(g) if gan.loss == "noisy labels" else LOSSES[gan.loss][1](r, g)
            loss += sum(self.generator.losses)
        return loss, tape.gradient(loss, self.generator.trainable_variables)

    def _scores(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        if self.gan.joint:
            g, r = tf.split(self.discriminator(tf.concat([fake, real], 0), training=True), 2)
            return r, g
        return self.discriminator(real, training=True), self.discriminator(fake, training=True)

    def _apply(self, name: str, results: list[tuple[Tensor, list[Tensor]]], model: Any, optimizer: Any) -> None:
        gradients = [sum(parts) / len(parts) for parts in zip(*[found for _, found in results], strict=True)]
        self._log(**{f"{name}/loss": mean([loss for loss, _ in results])})
        self._log(**{f"{name}/gradient_norm": tf.linalg.global_norm(gradients)})
        if self.gan.clip:
            gradients, _ = tf.clip_by_global_norm(gradients, self.gan.clip)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    def _follow(self, step: int, examples: int) -> None:
        gan = self.gan
        decay = 0.5 ** (examples / gan.half_life) if gan.half_life else gan.decay
        decay = min(decay, (1.0 + step) / (10.0 + step))
        for mine, current in zip(self.averaged.variables, self.generator.variables, strict=True):
            if "float" in str(mine.dtype):
                mine.assign(decay * mine + (1.0 - decay) * current)

    def _latents(self, rng: gt.RandomStreams) -> Tensor:
        return rng.normal("latent", (self.gan.batch_size, LATENT))

    def _log(self, **values: Tensor) -> None:
        for name, value in values.items():
            self.logged.setdefault(name, []).append(float(value))


def train_by_hand(gan: DrawnGAN) -> TrainingOutcome:
    """Train by the loop written by hand."""
    with precision_of(gan):
        return LoopByHand(gan).train()
