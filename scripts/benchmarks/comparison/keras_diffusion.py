"""The zoo's diffusion model as a model with a `train_step`."""

import math

import keras
import tensorflow as tf

from gantape.zoo.networks import noise_network


class Diffusion(keras.Model):
    def __init__(self, width=16, decay=0.995):
        super().__init__()
        self.decay = decay
        self.network = noise_network(width)
        self.average = keras.models.clone_model(self.network)
        self.mean_loss = keras.metrics.Mean(name="loss")

    def compile(self, **options):
        super().compile(**options)
        self.network_optimizer = keras.optimizers.Adam(1e-3)
        self.network_optimizer.build(self.network.trainable_variables)

    @property
    def metrics(self):
        return [self.mean_loss]

    def train_step(self, batch):
        time = tf.random.uniform([tf.shape(batch)[0], 1, 1, 1])
        added = tf.random.normal(tf.shape(batch))
        angle = 0.5 * math.pi * time
        angles = time * tf.constant([2.0**power * math.pi for power in range(8)])
        waves = tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)
        with tf.GradientTape() as tape:
            found = self.network([tf.cos(angle) * batch + tf.sin(angle) * added, waves])
            loss = tf.reduce_mean(tf.square(found - added))
        gradients = tape.gradient(loss, self.network.trainable_variables)
        self.network_optimizer.apply(gradients, self.network.trainable_variables)
        for average, variable in zip(self.average.variables, self.network.variables, strict=True):
            average.assign(self.decay * average + (1.0 - self.decay) * variable)
        self.mean_loss.update_state(loss)
        return {metric.name: metric.result() for metric in self.metrics}
