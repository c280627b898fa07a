"""The training of VariationalAutoencoder, by hand.

After 3 steps in eager mode, its weights and those of `gantape.Loop` were
equal bit for bit.
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
STEPS = 187


def build_encoder():
    layers = [
        keras.Input((28, 28, 1), dtype="float32"),
        keras.layers.Flatten(),
        keras.layers.Dense(units=256, activation="relu"),
        keras.layers.Dense(units=32),
    ]
    return keras.Sequential(layers)


def build_decoder():
    layers = [
        keras.Input((16,), dtype="float32"),
        keras.layers.Dense(units=256, activation="relu"),
        keras.layers.Dense(units=784),
        keras.layers.Reshape(target_shape=(28, 28, 1)),
    ]
    return keras.Sequential(layers)


encoder = build_encoder()
decoder = build_decoder()
autoencoder_optimizer = keras.optimizers.Adam()

with np.load(pathlib.Path(__file__).with_name("vae.npz")) as saved:
    ARRAYS = [saved[f"data/{place}"] for place in range(1)]
    encoder.set_weights([saved[f"encoder/{place}"] for place in range(4)])
    decoder.set_weights([saved[f"decoder/{place}"] for place in range(4)])


def derive(seed, *names):
    """A number for a seed and names; other names give an unrelated number."""
    text = "/".join([str(seed), *(quote(str(name), safe="") for name in names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def batches():
    """Batches of shuffled examples, epoch after epoch."""
    for epoch in itertools.count():
        order = np.random.Generator(np.random.Philox(derive(SEED, "order", epoch))).permutation(len(ARRAYS[0]))
        for first in range(0, len(order) - BATCH_SIZE + 1, BATCH_SIZE):
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


def prepare(array_0):
    """The tensors of a batch."""
    value = tf.cast(array_0, "float32") * 0.00392156862745098
    return (value,)


def update_autoencoder(batch, step, place):
    """The losses of a batch in evaluation. No variable changes."""
    variables = encoder.trainable_variables + decoder.trainable_variables
    with tf.GradientTape() as tape:
        value = encoder(batch)
        value_2 = tf.split(value, 2, axis=1)
        mean = value_2[0]
        log_variance = value_2[1]
        latent = normal_numbers(step, [("autoencoder", place), ("latent",)], tf.shape(mean))
        latents = mean + (tf.exp(0.5 * log_variance) * latent)
        value_3 = decoder(latents)
        costs = tf.nn.sigmoid_cross_entropy_with_logits(labels=batch, logits=value_3)
        divergence = 0.5 * tf.reduce_sum(((tf.square(mean) + tf.exp(log_variance)) - 1.0) - log_variance, axis=1)
        reconstruction_loss = tf.reduce_mean(tf.reduce_sum(costs, axis=[1, 2, 3]))
        divergence_loss = tf.reduce_mean(divergence)
        loss = reconstruction_loss + divergence_loss
    gradients = tape.gradient(loss, variables)
    autoencoder_optimizer.apply(gradients, variables)
    return loss


def train(steps=STEPS):
    """The training loop."""
    stream = batches()
    for step in range(steps):
        taken = [next(stream) for _ in range(1)]
        autoencoder_loss = update_autoencoder(*taken[0], step, 0)
        if step % 100 == 0 or step == steps - 1:
            print(step, "autoencoder", float(autoencoder_loss))


if __name__ == "__main__":
    train()
