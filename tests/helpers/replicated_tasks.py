"""Small tasks and their data, to be trained on several devices."""

from typing import Any

import attrs
import keras
import numpy as np
import tensorflow as tf
from tiny import Classifier, PointGan

import gantape as gt

layers = keras.layers
random = np.random.default_rng(0)
POINTS = random.normal(size=(64, 2))
ROWS = random.normal(size=(64, 4))
LABELS = random.integers(0, 3, size=64).astype("int32")


class Plain(Classifier):
    """Without batch norm, with a loss that a layer adds and dropout's absence."""

    def build_model(self):
        dense = layers.Dense(6, "tanh", kernel_regularizer=keras.regularizers.L2(0.01))
        return keras.Sequential([keras.Input((4,)), dense, layers.Dense(3)])


class FunctionLoss(Plain):
    """A loss that is a function, which Keras does not scale as it does an object."""

    def build_loss(self):
        return lambda targets, predictions: tf.reduce_mean(
            keras.losses.sparse_categorical_crossentropy(targets, predictions, from_logits=True)
        )


class SynchronizedBatchNorm(Classifier):
    """Batch norm over all replicas."""

    def build_model(self):
        return keras.Sequential(
            [keras.Input((4,)), layers.Dense(6), layers.BatchNormalization(synchronized=True), layers.ReLU(), layers.Dense(3)]
        )


class Averaged(PointGan):
    """A moving average, and gradients and weights that are clipped."""

    generator_decay: float = 0.9

    def build_generator_gradient_options(self):
        return gt.GradientOptions(clip_norm=0.05)

    def build_discriminator_gradient_options(self):
        return gt.GradientOptions(clip_value=0.02, clip_weights=0.4)


class Critic(PointGan):
    """Wasserstein with a gradient penalty, three critic updates, gradients over two batches each."""

    discriminator_updates: int = 3

    def build_loss(self):
        return gt.losses.Wasserstein()

    def build_penalties(self):
        return (gt.losses.GradientPenalty(),)

    def build_discriminator_gradient_options(self):
        return gt.GradientOptions(accumulate=2)

    def build_generator_gradient_options(self):
        return gt.GradientOptions(accumulate=3, clip_norm=1.0)


class LazyR1(PointGan):
    """R1 in every second step, augmentation, and an optimizer that clips by itself, decays weights and keeps an average."""

    def build_penalties(self):
        return (gt.losses.Lazy(gt.losses.R1(), every=2),)

    def build_augmentations(self):
        return (gt.augment.Adaptive([gt.augment.InstanceNoise(0.1)], images=200),)

    def build_discriminator_optimizer(self):
        return keras.optimizers.AdamW(0.01, global_clipnorm=0.05, weight_decay=0.01, use_ema=True, ema_momentum=0.9)


class Regularised(PointGan):
    """Moving averages of scores in the discriminator's loss, means of features in the generator's."""

    def build_discriminator(self):
        inputs = keras.Input((2,))
        features = layers.Dense(8, activation="tanh")(inputs)
        return keras.Model(inputs, [layers.Dense(1)(features), features])

    def build_loss(self):
        return gt.losses.LeCam(gt.losses.NonSaturating(), weight=0.3, decay=0.5)

    def build_output_terms(self):
        return (gt.losses.FeatureMatching(),)


class Fading(PointGan):
    """A generator of which a layer is faded in, by a number that both losses assign."""

    generator_decay: float = 0.9

    def build_generator(self):
        latents = keras.Input((self.latent_size,))
        hidden = layers.Dense(2)(layers.Dense(8, activation="tanh")(latents))
        return keras.Model(latents, gt.layers.FadeIn(name="fade")([layers.Dense(2)(latents), hidden]))

    def discriminator_loss(self, batch, rng):
        self.fade(rng)
        return super().discriminator_loss(batch, rng)

    def generator_loss(self, batch, rng):
        self.fade(rng)
        return super().generator_loss(batch, rng)

    def fade(self, rng):
        for model in (self.generator, self.averaged_generator):
            model.get_layer("fade").alpha.assign(gt.losses.Ramp(steps=3)(rng.step))


class PathLengths(PointGan):
    """A generator with noise, whose path lengths are regularised in every second step."""

    path_length = gt.Part[gt.losses.PathLength]()

    def build_path_length(self):
        return gt.losses.PathLength(decay=0.5)

    def build_generator(self):
        latents = keras.Input((self.latent_size,))
        (noise,) = gt.layers.NoiseMaps((2,), seed=1)(latents)
        hidden = layers.Concatenate()([layers.Dense(8, activation="tanh")(latents), layers.Flatten()(noise)])
        return keras.Model(latents, layers.Dense(2)(hidden))

    def updates(self):
        discriminator, generator = super().updates()
        return discriminator, attrs.evolve(generator, lazy={"path_length": 2})

    def generator_loss(self, batch, rng):
        losses = super().generator_loss(batch, rng)
        latents = self.latents(batch.shape[0], rng, "path")
        term = lambda: self.path_length(self.generator, latents, rng)  # noqa: E731
        return attrs.evolve(losses, terms={**losses.terms, "path_length": term})


class Skipping(Plain):
    """Leaves out the updates of batches that are not numbers."""

    def build_gradient_options(self):
        return gt.GradientOptions(skip_nonfinite=True)

    def updates(self):
        (update,) = super().updates()
        return (attrs.evolve(update, gradient_options=self.gradient_options),)


class Counting(Plain):
    """Counts how often it has seen each example: row i of the data is zero but for its place i."""

    def build_seen(self):
        seen = keras.Variable(np.zeros(16), trainable=False, name="seen", aggregation="sum")
        return Holder([seen])

    def build_model(self):
        return keras.Sequential([keras.Input((16,)), layers.Dense(3)])

    def updates(self):
        def loss(batch: Any, rng: gt.RandomStreams) -> gt.Losses:
            self.seen.variables[0].value.assign_add(tf.reduce_sum(batch[0], 0))
            return gt.Losses({"data": self.loss(batch[1], self.model(batch[0], training=True))})

        return (gt.Update("model", loss, (self.model,), self.optimizer),)


class Holder:
    """Something with variables."""

    def __init__(self, variables: list[Any]) -> None:
        self.variables = variables


def supervised(inputs: Any = ROWS, labels: Any = LABELS, batch_size: int = 16) -> gt.data.ArrayBatches:
    return gt.data.from_arrays((inputs.astype(keras.config.floatx()), labels), batch_size=batch_size)


def points(batch_size: int = 8) -> gt.data.ArrayBatches:
    return gt.data.from_arrays(POINTS.astype(keras.config.floatx()), batch_size=batch_size)


def with_hole() -> gt.data.ArrayBatches:
    inputs = ROWS.copy()
    inputs[5] = np.nan
    return supervised(inputs)


class Sharing(PointGan):
    """Examples that both updates share, over two batches."""

    discriminator_updates: int = 2
    shared_examples: bool = True

    def build_discriminator_gradient_options(self):
        return gt.GradientOptions(accumulate=2)

    build_generator_gradient_options = build_discriminator_gradient_options


class TwoSets(Plain):
    """Labelled and unlabelled examples, in batches of two sizes."""

    def updates(self):
        def loss(batch: Any, rng: gt.RandomStreams) -> gt.Losses:
            (inputs, labels), others = batch
            size = tf.reduce_mean(tf.square(self.model(others, training=True)))
            return gt.Losses({"data": self.loss(labels, self.model(inputs, training=True)), "size": size})

        return (gt.Update("model", loss, (self.model,), self.optimizer),)

    def check_batch(self, batch: Any) -> None:
        (inputs, labels), _ = batch
        super().check_batch((inputs, labels))


def two_sets() -> gt.data.UnpairedBatches:
    """Eight labelled examples and four others."""
    return gt.data.unpaired_sets(
        supervised(batch_size=8), gt.data.from_arrays(ROWS.astype(keras.config.floatx()), batch_size=4)
    )
