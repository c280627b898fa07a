"""The same GANs as Keras models with a `train_step`, and `fit` with several steps in an execution.

The networks have Keras' own layers; what Keras lacks is written as a small layer. The moving average is that of Keras'
optimizers. Spectral norm is Keras' own, which also moves the discriminator's kernels in the generator's pass.
"""

from typing import Any

import keras
import tensorflow as tf

from benchmarks.contenders import Arrays, Contender
from benchmarks.image_gans import settings as s

STEPS_PER_EXECUTION = 8

layers = keras.layers


class Fit(Contender):
    """A model that is trained further by each `run`.

    Args:
        recipe: The recipe.
        arrays: The images, as bytes.
        xla: Whether XLA compiles the step.
    """

    def __init__(self, recipe: s.Recipe, arrays: Arrays, xla: bool) -> None:
        images, size = arrays["examples"], s.BATCH_SIZES[recipe]
        dataset = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).repeat().batch(size, drop_remainder=True)
        self._batches = dataset.map(lambda batch: tf.cast(batch, tf.float32) / 127.5 - 1.0).prefetch(tf.data.AUTOTUNE)
        self._model = ImageGAN() if recipe == "image-gan" else FastGAN()
        self._model.compile(steps_per_execution=STEPS_PER_EXECUTION, jit_compile=xla)

    def run(self, steps: int) -> int:
        whole = -(-steps // STEPS_PER_EXECUTION) * STEPS_PER_EXECUTION
        self._model.fit(self._batches, steps_per_epoch=whole, shuffle=False, verbose=0)
        return whole


def contender(workload: s.Recipe, arrays: Arrays, variant: str) -> Fit:
    """`fit`, "graph" or "xla"."""
    return Fit(workload, arrays, variant == "xla")


class _Adversarial(keras.Model):  # type: ignore[misc]  # Keras has no types
    """The step that both GANs share."""

    def __init__(self, recipe: s.Recipe, generator: Any, discriminator: Any, others: tuple[Any, ...] = ()) -> None:
        super().__init__()
        self.generator, self.discriminator, self.others = generator, discriminator, others
        beta_1, beta_2 = s.BETAS
        self.d_optimizer = keras.optimizers.Adam(s.LEARNING_RATES[recipe], beta_1, beta_2)
        self.g_optimizer = keras.optimizers.Adam(s.LEARNING_RATES[recipe], beta_1, beta_2, use_ema=True, ema_momentum=s.DECAY)
        self.d_weights = [weight for model in (discriminator, *others) for weight in model.trainable_variables]
        self.d_optimizer.build(self.d_weights)
        self.g_optimizer.build(generator.trainable_variables)
        self.means = {name: keras.metrics.Mean(name) for name in ("d_loss", "g_loss", "real_score", "fake_score")}
        self.built = True

    @property
    def metrics(self) -> list[Any]:
        return list(self.means.values())

    def train_step(self, real: Any) -> dict[str, Any]:
        fake = self.generator(self._latents(real), training=True)
        with tf.GradientTape() as tape:
            loss, real_scores, fake_scores = self.discriminator_loss(real, fake)
        self.d_optimizer.apply(tape.gradient(loss, self.d_weights), self.d_weights)
        with tf.GradientTape() as tape:
            g_loss = self.generator_loss(self.generator(self._latents(real), training=True))
        weights = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(g_loss, weights), weights)
        for mean, values in zip(self.means.values(), (loss, g_loss, real_scores, fake_scores), strict=True):
            mean.update_state(values)
        return {name: mean.result() for name, mean in self.means.items()}

    def _latents(self, real: Any) -> Any:
        return tf.random.normal([real.shape[0], s.LATENT_SIZE])


class ImageGAN(_Adversarial):
    """A deep convolutional GAN with the non-saturating loss, and R1 in every 16th step."""

    def __init__(self) -> None:
        super().__init__("image-gan", _image_generator(), _image_discriminator())

    def discriminator_loss(self, real: Any, fake: Any) -> tuple[Any, Any, Any]:
        real_scores, fake_scores = self.discriminator(real, training=True), self.discriminator(fake, training=True)
        loss = tf.reduce_mean(tf.nn.softplus(-real_scores)) + tf.reduce_mean(tf.nn.softplus(fake_scores))
        due = tf.equal(self.d_optimizer.iterations.value % s.PENALTY_EVERY, 0)
        penalty = tf.cond(due, lambda: s.PENALTY_EVERY * self.penalty(real), lambda: tf.constant(0.0))
        return loss + penalty, real_scores, fake_scores

    def penalty(self, real: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(real)
            scores = self.discriminator(real, training=True)
        squares = tf.reduce_sum(tf.square(tape.gradient(scores, real)), axis=[1, 2, 3])
        return s.PENALTY_WEIGHT / 2.0 * tf.reduce_mean(squares)

    def generator_loss(self, fake: Any) -> Any:
        return tf.reduce_mean(tf.nn.softplus(-self.discriminator(fake, training=True)))


class FastGAN(_Adversarial):
    """FastGAN with the hinge loss, augmentation, and decoders."""

    def __init__(self) -> None:
        super().__init__("fastgan", _fast_generator(), _fast_discriminator(), (_decoders(),))

    def discriminator_loss(self, real: Any, fake: Any) -> tuple[Any, Any, Any]:
        real = _augmented(real)
        real_scores, for_part, for_whole = self.discriminator(real, training=True)
        fake_scores, _, _ = self.discriminator(_augmented(fake), training=True)
        quarter = tf.random.uniform([], 0, 4, tf.int32)
        part, whole = self.others[0]([_quarter(for_part, quarter), for_whole], training=True)
        error = tf.reduce_mean(tf.abs(part - _quarter(real, quarter)))
        error += tf.reduce_mean(tf.abs(whole - tf.nn.avg_pool2d(real, 2, 2, "VALID")))
        loss = tf.reduce_mean(tf.nn.relu(1.0 - real_scores)) + tf.reduce_mean(tf.nn.relu(1.0 + fake_scores))
        return loss + error, real_scores, fake_scores

    def generator_loss(self, fake: Any) -> Any:
        return -tf.reduce_mean(self.discriminator(_augmented(fake), training=True)[0])


def _leaky(inputs: Any) -> Any:
    return layers.LeakyReLU(negative_slope=0.2)(inputs)


def _image_generator() -> Any:
    hidden = latents = keras.Input((s.LATENT_SIZE,))
    hidden = layers.Reshape((4, 4, s.WIDTHS[0]))(layers.Dense(16 * s.WIDTHS[0], use_bias=False)(hidden))
    for width in (*s.WIDTHS[1:], s.WIDTH_AT_IMAGE):
        hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
        hidden = layers.Conv2D(width, 3, padding="same", use_bias=False)(layers.UpSampling2D()(hidden))
    hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
    images = layers.Conv2D(s.CHANNELS, 3, padding="same", activation="tanh")(hidden)
    return keras.Model(latents, images)


def _image_discriminator() -> Any:
    hidden = images = keras.Input((s.SIZE, s.SIZE, s.CHANNELS))
    for width in reversed(s.WIDTHS):
        hidden = _leaky(layers.Conv2D(width, 4, strides=2, padding="same")(hidden))
    hidden = _leaky(layers.Conv2D(s.WIDEST, 3, padding="same")(_Deviation()(hidden)))
    return keras.Model(images, layers.Dense(1)(layers.Flatten()(hidden)))


class _Deviation(layers.Layer):  # type: ignore[misc]
    """A channel with the deviation over groups of four images."""

    def call(self, inputs: Any) -> Any:
        count, (height, width) = inputs.shape[0] or tf.shape(inputs)[0], inputs.shape[1:3]
        values = tf.reshape(inputs, [4, count // 4, *inputs.shape[1:]])
        deviation = tf.sqrt(tf.math.reduce_variance(values, axis=0) + 1e-8)
        channel = tf.reshape(tf.reduce_mean(deviation, axis=[1, 2, 3]), [count // 4, 1, 1, 1])
        return tf.concat([inputs, tf.tile(channel, [4, height, width, 1])], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], input_shape[-1] + 1)


class _Noise(layers.Layer):  # type: ignore[misc]
    """Noise times a learned strength, in training; none otherwise."""

    def build(self, input_shape: Any) -> None:
        self.strength = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs: Any, training: bool = False) -> Any:
        shape = tf.shape(inputs)
        return inputs + self.strength * tf.random.normal([shape[0], shape[1], shape[2], 1]) if training else inputs


def _gated(hidden: Any) -> Any:
    return keras.activations.glu(layers.BatchNormalization()(hidden))


def _up_block(hidden: Any, size: int, noisy: bool) -> Any:
    hidden = layers.UpSampling2D()(hidden)
    for _ in range(2 if noisy else 1):
        hidden = layers.Conv2D(2 * s.FASTGAN_WIDTHS[size], 3, padding="same", use_bias=False)(hidden)
        hidden = _gated(_Noise()(hidden) if noisy else hidden)
    return hidden


def _fast_generator() -> Any:
    latents = keras.Input((s.LATENT_SIZE,))
    hidden = layers.Dense(16 * 2 * s.FASTGAN_WIDTHS[4], use_bias=False)(latents)
    smallest = hidden = _gated(layers.Reshape((4, 4, 2 * s.FASTGAN_WIDTHS[4]))(hidden))
    for size in (8, 16, 32):
        hidden = _up_block(hidden, size, size in s.NOISY)
    excited = layers.Conv2D(s.FASTGAN_WIDTHS[32], 4, use_bias=False, activation="silu")(smallest)
    excited = layers.Conv2D(s.FASTGAN_WIDTHS[32], 1, use_bias=False, activation="sigmoid")(excited)
    images = layers.Conv2D(s.CHANNELS, 3, padding="same", activation="tanh")(layers.Multiply()([hidden, excited]))
    return keras.Model(latents, images)


def _fast_discriminator() -> Any:
    images = keras.Input((s.SIZE, s.SIZE, s.CHANNELS))
    hidden = _leaky(_spectral(s.FASTGAN_WIDTHS[32], 3)(images))
    seen = {}
    for size in (16, 8):
        width = s.FASTGAN_WIDTHS[size]
        main = _convolved(_convolved(hidden, width, 4, 2), width, 3)
        hidden = layers.Average()([main, _convolved(layers.AveragePooling2D(2)(hidden), width, 1)])
        seen[size] = hidden
    scores = layers.SpectralNormalization(layers.Conv2D(1, 4, use_bias=False))(_convolved(hidden, s.FASTGAN_WIDTHS[8], 1))
    return keras.Model(images, [scores, seen[16], seen[8]])


def _spectral(width: int, kernel: int, strides: int = 1) -> Any:
    return layers.SpectralNormalization(layers.Conv2D(width, kernel, strides=strides, padding="same", use_bias=False))


def _convolved(inputs: Any, width: int, kernel: int, strides: int = 1) -> Any:
    return _leaky(layers.BatchNormalization()(_spectral(width, kernel, strides)(inputs)))


def _decoders() -> Any:
    features = [keras.Input((8, 8, s.FASTGAN_WIDTHS[size])) for size in (16, 8)]
    outputs = []
    for inputs in features:
        hidden = _up_block(inputs, 32, noisy=False)
        outputs.append(layers.Conv2D(s.CHANNELS, 3, padding="same", activation="tanh")(hidden))
    return keras.Model(features, outputs)


def _quarter(images: Any, quarter: Any) -> Any:
    half = images.shape[1] // 2
    found = tf.slice(images, tf.stack([0, quarter // 2 * half, quarter % 2 * half, 0]), [-1, half, half, -1])
    return tf.ensure_shape(found, [images.shape[0], half, half, images.shape[3]])


def _augmented(images: Any) -> Any:
    """Brightness, saturation, contrast and translation, as in the code of arXiv 2006.10738."""
    count = images.shape[0]
    images += tf.random.uniform([count, 1, 1, 1]) - 0.5
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = grey + (images - grey) * 2.0 * tf.random.uniform([count, 1, 1, 1])
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    images = mean + (images - mean) * (0.5 + tf.random.uniform([count, 1, 1, 1]))
    for axis in (1, 2):
        paddings = [[s.SHIFT, s.SHIFT] if place == axis else [0, 0] for place in range(4)]
        first = tf.random.uniform([count, 1], 0, 2 * s.SHIFT + 1, tf.int32)
        places = first + tf.range(s.SIZE)[None, :]
        images = tf.gather(tf.pad(images, paddings), places, axis=axis, batch_dims=1)
    return images
