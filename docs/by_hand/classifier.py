"""The training of DigitClassifier, by hand.

After 3 steps in eager mode, its weights and those of `gantape.Loop` were
equal bit for bit.
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


def build_model():
    layers = [
        keras.Input((28, 28, 1), dtype="float32"),
        keras.layers.Flatten(),
        keras.layers.Dense(units=64, activation="relu"),
        keras.layers.Dense(units=64, activation="relu"),
        keras.layers.Dense(units=10),
    ]
    return keras.Sequential(layers)


model = build_model()
loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model_optimizer = keras.optimizers.SGD(learning_rate=0.1)
metric_accuracy = keras.metrics.SparseCategoricalAccuracy()

with np.load(pathlib.Path(__file__).with_name("classifier.npz")) as saved:
    ARRAYS = [saved[f"data/{place}"] for place in range(2)]
    model.set_weights([saved[f"model/{place}"] for place in range(6)])


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


def prepare(array_0, array_1):
    """The tensors of a batch."""
    value = tf.cast(array_0, "float32") * 0.00392156862745098
    return (value, array_1)


def update_model(inputs, targets, step, place):
    """One update; returns its loss."""
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        predictions = model(inputs, training=True)
        loss = loss_function(targets, predictions)
    gradients = tape.gradient(loss, variables)
    model_optimizer.apply(gradients, variables)
    metric_accuracy.update_state(targets, predictions)
    return loss


def train(steps=STEPS):
    """The training loop."""
    stream = batches()
    for step in range(steps):
        taken = [next(stream) for _ in range(1)]
        model_loss = update_model(*taken[0], step, 0)
        if step % 100 == 0 or step == steps - 1:
            print(step, "model", float(model_loss), "accuracy", float(metric_accuracy.result()))


if __name__ == "__main__":
    train()
