"""The training of WGANGP, by hand.

After 3 steps in eager mode, its weights and those of `gantape.Loop` were
equal bit for bit. Both had the layers of Keras. The task has faster ones,
whose rounding alone changes the weights by 1.0e-06 of what training moved.
"""

import hashlib
import itertools
import math
import pathlib
from urllib.parse import quote

import keras
import numpy as np
import tensorflow as tf

SEED = 0
BATCH_SIZE = 8
STEPS = 93
GENERATOR_DECAY = 0.99
PENALTY_WEIGHT = 10.0
BETA_1 = 0.0
BETA_2 = 0.9


def build_generator():
    inputs = keras.Input((64,), dtype="float32")
    hidden = keras.layers.Dense(units=256, use_bias=False)(inputs)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.ReLU()(hidden)
    hidden = keras.layers.Dense(units=784, use_bias=False)(hidden)
    hidden = keras.layers.Reshape(target_shape=(7, 7, 16))(hidden)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.ReLU()(hidden)
    hidden = keras.layers.Conv2DTranspose(filters=8, kernel_size=4, strides=2, padding="same", use_bias=False)(hidden)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.ReLU()(hidden)
    hidden = keras.layers.Conv2DTranspose(filters=1, kernel_size=4, strides=2, padding="same", activation="tanh")(hidden)
    return keras.Model(inputs, hidden)


def build_discriminator():
    inputs = keras.Input((28, 28, 1), dtype="float32")
    hidden = keras.layers.Conv2D(filters=8, kernel_size=4, strides=2, padding="same")(inputs)
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(hidden)
    hidden = keras.layers.Conv2D(filters=16, kernel_size=4, strides=2, padding="same")(hidden)
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(hidden)
    hidden = keras.layers.Flatten()(hidden)
    hidden = keras.layers.Dense(units=256)(hidden)
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(hidden)
    hidden = keras.layers.Dense(units=1)(hidden)
    return keras.Model(inputs, hidden)


generator = build_generator()
discriminator = build_discriminator()
averaged_generator = build_generator()
discriminator_optimizer = keras.optimizers.Adam(beta_1=BETA_1, beta_2=BETA_2)
generator_optimizer = keras.optimizers.Adam(beta_1=BETA_1, beta_2=BETA_2)
metric_real_score = keras.metrics.Mean()
metric_fake_score = keras.metrics.Mean()

with np.load(pathlib.Path(__file__).with_name("wgan_gp.npz")) as saved:
    ARRAYS = [saved[f"data/{place}"] for place in range(1)]
    generator.set_weights([saved[f"generator/{place}"] for place in range(17)])
    discriminator.set_weights([saved[f"discriminator/{place}"] for place in range(8)])
    averaged_generator.set_weights([saved[f"averaged_generator/{place}"] for place in range(17)])


def derive(seed, *names):
    """A number for a seed and names; other names give an unrelated number."""
    text = "/".join([str(seed), *(quote(str(name), safe="") for name in names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def batches():
    """Batches of shuffled examples, epoch after epoch."""
    for epoch in itertools.count():
        order = np.random.Generator(np.random.Philox(derive(SEED, "order", epoch))).permutation(len(ARRAYS[0]))
        for first in range(0, len(order) // (2 * BATCH_SIZE) * 2 * BATCH_SIZE, BATCH_SIZE):
            chosen = order[first : first + BATCH_SIZE]
            yield prepare(*(tf.gather(array, chosen) for array in ARRAYS))


def random_bits(step, names, size):
    """Random numbers of 32 bits, which depend on the step and on names only."""
    seed = SEED
    for path in names:
        seed = derive(seed, *path)
    place = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    return tf.random.stateless_uniform([size], place, minval=None, maxval=None, dtype=tf.uint32, alg="philox")


def fractions(bits):
    """Numbers from [0, 1), of 24 bits."""
    return tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24


def uniform_numbers(step, names, shape, low=0.0, high=1.0):
    """Numbers from [low, high)."""
    unit = fractions(random_bits(step, names, tf.reduce_prod(tf.cast(tf.convert_to_tensor(shape), tf.int64))))
    numbers = low + (high - low) * tf.reshape(unit, shape)
    return tf.minimum(numbers, tf.constant(np.nextafter(np.float32(high), np.float32(low))))


def normal_numbers(step, names, shape, mean=0.0, deviation=1.0):
    """Normal numbers, by Box and Muller."""
    size = tf.reduce_prod(tf.cast(tf.convert_to_tensor(shape), tf.int64))
    pairs = tf.reshape(random_bits(step, names, 2 * ((size + 1) // 2)), [-1, 2])
    even, odd = map(fractions, tf.unstack(tf.repeat(pairs, 2, axis=0)[:size], axis=1))
    radius = tf.sqrt(-2.0 * tf.math.log(1.0 - even))
    is_cosine = tf.equal(tf.range(size) % 2, 0)
    from_quarter = tf.where(tf.less(odd, 0.75), odd, odd - 1.0) - 0.25
    numbers = radius * sine(tf.where(is_cosine, tf.abs(odd - 0.5) - 0.25, 0.25 - tf.abs(from_quarter)))
    return mean + deviation * tf.reshape(numbers, shape)


def sine(turns):
    """The sine of at most a quarter of a turn, by Taylor's series."""
    angle = 2.0 * math.pi * turns
    square = tf.square(angle)
    series = tf.ones_like(square)
    for degree in (12, 10, 8, 6, 4, 2):
        series = 1.0 - square / (degree * (degree + 1)) * series
    return angle * series


def follow(average, model, step, decay):
    """Move an average of weights towards a model: θ̄ ← β θ̄ + (1-β) θ."""
    share = tf.maximum(1.0 - decay, 9.0 / (10.0 + tf.cast(step, tf.float32)))
    for mean, current in zip(average.variables, model.variables, strict=True):
        if "float" in str(mean.dtype):
            mean.assign(mean + share * (current - mean))


def prepare(array_0):
    """The tensors of a batch."""
    value = (tf.cast(array_0, "float32") * 0.00784313725490196) + -1.0
    return (value,)


def update_discriminator(batch, step, place):
    """The discriminator's terms and penalties for a batch."""
    variables = discriminator.trainable_variables
    with tf.GradientTape() as tape:
        latent = normal_numbers(step, [("discriminator", place), ("latent",)], [BATCH_SIZE, 64])
        fake = generator(latent, training=True)
        real = discriminator(batch, training=True)
        fake_2 = discriminator(fake, training=True)
        real_loss = -tf.reduce_mean(real)
        fake_loss = tf.reduce_mean(fake_2)
        count = tf.shape(batch)[0]
        mix = uniform_numbers(step, [("discriminator", place), ("gradient_penalty",), ("mix",)], [count, 1, 1, 1])
        examples = (mix * batch) + ((1.0 - mix) * fake)
        with tf.GradientTape(watch_accessed_variables=False) as tape_1:
            tape_1.watch(examples)
            outputs = discriminator(examples, training=True)
            scores = tf.reduce_sum(outputs)
        gradients_2 = tape_1.gradient(scores, examples)
        norms = tf.sqrt(tf.reduce_sum(tf.square(gradients_2), axis=[1, 2, 3]) + 1e-10)
        excess = norms - 1.0
        gradient_penalty_loss = PENALTY_WEIGHT * tf.reduce_mean(tf.square(excess))
        loss = real_loss + fake_loss + gradient_penalty_loss
    gradients = tape.gradient(loss, variables)
    discriminator_optimizer.apply(gradients, variables)
    metric_real_score.update_state(real)
    metric_fake_score.update_state(fake_2)
    return loss


def update_generator(batch, step, place):
    """The generator's terms for a batch."""
    variables = generator.trainable_variables
    with tf.GradientTape() as tape:
        latent = normal_numbers(step, [("generator", place), ("latent",)], [BATCH_SIZE, 64])
        fake = generator(latent, training=True)
        fake_2 = discriminator(fake, training=True)
        numbers = -fake_2
        loss = tf.reduce_mean(numbers)
    gradients = tape.gradient(loss, variables)
    generator_optimizer.apply(gradients, variables)
    follow(averaged_generator, generator, step, GENERATOR_DECAY)
    return loss


def train(steps=STEPS):
    """The training loop."""
    stream = batches()
    for step in range(steps):
        taken = [next(stream) for _ in range(2)]
        for place in range(2):
            discriminator_loss = update_discriminator(*taken[place], step, place)
        generator_loss = update_generator(*taken[1], step, 0)
        if step % 100 == 0 or step == steps - 1:
            print(
                step,
                "discriminator",
                float(discriminator_loss),
                "generator",
                float(generator_loss),
                "real_score",
                float(metric_real_score.result()),
                "fake_score",
                float(metric_fake_score.result()),
            )


if __name__ == "__main__":
    train()
