"""The training of CycleGAN, by hand.

After 3 steps in eager mode, its weights and those of `gantape.Loop` were
equal bit for bit. Both had the layers of Keras. The task has faster ones,
whose rounding alone changes the weights by 1.8e-06 of what training moved.
"""

import hashlib
import itertools
import pathlib
from urllib.parse import quote

import keras
import numpy as np
import tensorflow as tf

SEED = 0
BATCH_SIZE = 8
STEPS = 187
CYCLE_WEIGHT = 10.0


def build_to_a():
    inputs_1 = keras.Input((28, 28, 1), dtype="float32")
    hidden_2 = keras.layers.Conv2D(filters=8, kernel_size=4, strides=2, padding="same")(inputs_1)
    hidden_3 = keras.layers.LeakyReLU(negative_slope=0.2)(hidden_2)
    hidden_4 = keras.layers.Conv2D(filters=16, kernel_size=4, strides=2, padding="same", use_bias=False)(hidden_3)
    hidden_5 = keras.layers.BatchNormalization()(hidden_4)
    hidden_6 = keras.layers.ReLU()(hidden_5)
    hidden_7 = keras.layers.Conv2D(filters=16, kernel_size=3, padding="same", use_bias=False)(hidden_6)
    hidden_8 = keras.layers.BatchNormalization()(hidden_7)
    hidden_9 = keras.layers.ReLU()(hidden_8)
    hidden_10 = keras.layers.Conv2DTranspose(filters=8, kernel_size=4, strides=2, padding="same", use_bias=False)(hidden_9)
    hidden_11 = keras.layers.BatchNormalization()(hidden_10)
    hidden_12 = keras.layers.ReLU()(hidden_11)
    hidden_13 = keras.layers.Concatenate()([hidden_12, hidden_3])
    hidden_14 = keras.layers.Conv2DTranspose(filters=1, kernel_size=4, strides=2, padding="same", activation="tanh")(hidden_13)
    return keras.Model(inputs_1, hidden_14)


def build_discriminator_a():
    inputs = keras.Input((28, 28, 1), dtype="float32")
    hidden = keras.layers.Conv2D(filters=8, kernel_size=4, strides=2, padding="same")(inputs)
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(hidden)
    hidden = keras.layers.Conv2D(filters=16, kernel_size=4, strides=2, padding="same", use_bias=False)(hidden)
    hidden = keras.layers.BatchNormalization()(hidden)
    hidden = keras.layers.LeakyReLU(negative_slope=0.2)(hidden)
    hidden = keras.layers.Conv2D(filters=1, kernel_size=1)(hidden)
    return keras.Model(inputs, hidden)


to_a = build_to_a()
to_b = build_to_a()
discriminator_a = build_discriminator_a()
discriminator_b = build_discriminator_a()
generators_optimizer = keras.optimizers.Adam(learning_rate=0.0002, beta_1=0.5)
discriminators_optimizer = keras.optimizers.Adam(learning_rate=0.0002, beta_1=0.5)

with np.load(pathlib.Path(__file__).with_name("cyclegan.npz")) as saved:
    ARRAYS = [saved[f"data/{place}"] for place in range(2)]
    to_a.set_weights([saved[f"to_a/{place}"] for place in range(19)])
    to_b.set_weights([saved[f"to_b/{place}"] for place in range(19)])
    discriminator_a.set_weights([saved[f"discriminator_a/{place}"] for place in range(9)])
    discriminator_b.set_weights([saved[f"discriminator_b/{place}"] for place in range(9)])
    pool_a_images = keras.Variable(saved["pool_a_images/0"], trainable=False)
    pool_a_count = keras.Variable(saved["pool_a_count/0"], trainable=False)
    pool_b_images = keras.Variable(saved["pool_b_images/0"], trainable=False)
    pool_b_count = keras.Variable(saved["pool_b_count/0"], trainable=False)


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


def uniform_numbers(step, names, shape, low=0.0, high=1.0):
    """Numbers from [low, high)."""
    unit = fractions(random_bits(step, names, tf.reduce_prod(tf.cast(tf.convert_to_tensor(shape), tf.int64))))
    numbers = low + (high - low) * tf.reshape(unit, shape)
    return tf.minimum(numbers, tf.constant(np.nextafter(np.float32(high), np.float32(low))))


def prepare(array_0, array_1):
    """The tensors of a batch."""
    value = (tf.cast(array_0, "float32") * 0.00784313725490196) + -1.0
    value_2 = (tf.cast(array_1, "float32") * 0.00784313725490196) + -1.0
    return (value, value_2)


def update_generators(batch_0, batch_1, step, place):
    """The terms of both generators: adversarial, cycle consistency and identity."""
    variables = to_a.trainable_variables + to_b.trainable_variables
    with tf.GradientTape() as tape:
        fake_a = to_a(batch_1, training=True)
        fake_b = to_b(batch_0, training=True)
        fake = discriminator_a(fake_a, training=True)
        numbers = 0.5 * tf.square(fake - 1.0)
        a_loss = tf.reduce_mean(numbers)
        fake_2 = discriminator_b(fake_b, training=True)
        numbers_2 = 0.5 * tf.square(fake_2 - 1.0)
        b_loss = tf.reduce_mean(numbers_2)
        cycled = to_a(fake_b, training=True)
        numbers_3 = tf.abs(cycled - batch_0)
        cycled_2 = to_b(fake_a, training=True)
        numbers_4 = tf.abs(cycled_2 - batch_1)
        cycle_loss = (CYCLE_WEIGHT * tf.reduce_mean(numbers_3)) + (CYCLE_WEIGHT * tf.reduce_mean(numbers_4))
        loss = a_loss + b_loss + cycle_loss
    gradients = tape.gradient(loss, variables)
    generators_optimizer.apply(gradients, variables)
    return loss, fake_a, fake_b


def update_discriminators(batch_0, batch_1, step, place, fake_a, fake_b):
    """The terms of both discriminators, on generated images from their pools."""
    variables = discriminator_a.trainable_variables + discriminator_b.trainable_variables
    with tf.GradientTape() as tape:
        filling = pool_a_count.value < 50
        next_places = pool_a_count.value + tf.range(8)
        # Places in random order, each at most once: every image of the batch has its own place.
        places = uniform_numbers(step, [("discriminators", place), ("a",), ("places",)], [50])
        shuffled = tf.argsort(places)[:8]
        places_2 = tf.where(filling, next_places % 50, shuffled)
        old = uniform_numbers(step, [("discriminators", place), ("a",), ("old",)], [BATCH_SIZE])
        old_2 = tf.logical_and(tf.less(old, 0.5), tf.logical_not(filling))
        kept = tf.where(filling, next_places < 50, old_2)[:, None, None, None]
        stored = tf.gather(pool_a_images.value, places_2)
        value = tf.tensor_scatter_nd_update(pool_a_images.value, places_2[:, None], tf.where(kept, fake_a, stored))
        pool_a_images.assign(value)
        value_2 = pool_a_count.value + 8
        pool_a_count.assign(tf.minimum(value_2, 50))
        fake_a_2 = tf.where(old_2[:, None, None, None], stored, fake_a)
        filling_2 = pool_b_count.value < 50
        next_places_2 = pool_b_count.value + tf.range(8)
        places_3 = uniform_numbers(step, [("discriminators", place), ("b",), ("places",)], [50])
        shuffled_2 = tf.argsort(places_3)[:8]
        places_4 = tf.where(filling_2, next_places_2 % 50, shuffled_2)
        old_3 = uniform_numbers(step, [("discriminators", place), ("b",), ("old",)], [BATCH_SIZE])
        old_4 = tf.logical_and(tf.less(old_3, 0.5), tf.logical_not(filling_2))
        kept_2 = tf.where(filling_2, next_places_2 < 50, old_4)[:, None, None, None]
        stored_2 = tf.gather(pool_b_images.value, places_4)
        value_3 = tf.tensor_scatter_nd_update(pool_b_images.value, places_4[:, None], tf.where(kept_2, fake_b, stored_2))
        pool_b_images.assign(value_3)
        value_4 = pool_b_count.value + 8
        pool_b_count.assign(tf.minimum(value_4, 50))
        fake_b_2 = tf.where(old_4[:, None, None, None], stored_2, fake_b)
        real = discriminator_a(batch_0, training=True)
        fake = discriminator_a(fake_a_2, training=True)
        numbers = tf.square(real - 1.0)
        numbers_2 = tf.square(fake - 0.0)
        a_loss = (0.5 * tf.reduce_mean(numbers)) + (0.5 * tf.reduce_mean(numbers_2))
        real_2 = discriminator_b(batch_1, training=True)
        fake_2 = discriminator_b(fake_b_2, training=True)
        numbers_3 = tf.square(real_2 - 1.0)
        numbers_4 = tf.square(fake_2 - 0.0)
        b_loss = (0.5 * tf.reduce_mean(numbers_3)) + (0.5 * tf.reduce_mean(numbers_4))
        loss = a_loss + b_loss
    gradients = tape.gradient(loss, variables)
    discriminators_optimizer.apply(gradients, variables)
    return loss


def train(steps=STEPS):
    """The training loop."""
    stream = batches()
    for step in range(steps):
        taken = [next(stream) for _ in range(1)]
        generators_loss, fake_a, fake_b = update_generators(*taken[0], step, 0)
        discriminators_loss = update_discriminators(*taken[0], step, 0, fake_a, fake_b)
        if step % 100 == 0 or step == steps - 1:
            print(step, "generators", float(generators_loss), "discriminators", float(discriminators_loss))


if __name__ == "__main__":
    train()
