"""A light DCGAN as a model with a `train_step`, after the example on keras.io, with the settings of Radford et al. 2016."""

import keras
import tensorflow as tf

layers = keras.layers


class KerasDCGAN(keras.Model):
    def __init__(self, latent_size=64, learning_rate=2e-4):
        super().__init__()
        self.latent_size = latent_size
        self.learning_rate = learning_rate
        self.generator = keras.Sequential(
            [
                keras.Input((latent_size,)),
                layers.Dense(7 * 7 * 64, use_bias=False),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Reshape((7, 7, 64)),
                layers.Conv2DTranspose(32, 4, strides=2, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
            ]
        )
        self.discriminator = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 4, strides=2, padding="same"),
                layers.LeakyReLU(0.2),
                layers.Conv2D(64, 4, strides=2, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.LeakyReLU(0.2),
                layers.Flatten(),
                layers.Dense(1),
            ]
        )
        self.cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        self.discriminator_loss = keras.metrics.Mean(name="discriminator_loss")
        self.generator_loss = keras.metrics.Mean(name="generator_loss")

    def compile(self, **options):
        super().compile(**options)
        self.generator_optimizer = keras.optimizers.Adam(self.learning_rate, beta_1=0.5)
        self.discriminator_optimizer = keras.optimizers.Adam(self.learning_rate, beta_1=0.5)

    @property
    def metrics(self):
        return [self.discriminator_loss, self.generator_loss]

    def train_step(self, real):
        count = tf.shape(real)[0]
        fake = self.generator(tf.random.normal([count, self.latent_size]), training=True)
        with tf.GradientTape() as tape:
            real_scores = self.discriminator(real, training=True)
            fake_scores = self.discriminator(fake, training=True)
            loss = self.cross_entropy(tf.ones_like(real_scores), real_scores)
            loss += self.cross_entropy(tf.zeros_like(fake_scores), fake_scores)
        gradients = tape.gradient(loss, self.discriminator.trainable_variables)
        self.discriminator_optimizer.apply(gradients, self.discriminator.trainable_variables)
        self.discriminator_loss.update_state(loss)
        with tf.GradientTape() as tape:
            fake = self.generator(tf.random.normal([count, self.latent_size]), training=True)
            fake_scores = self.discriminator(fake, training=True)
            loss = self.cross_entropy(tf.ones_like(fake_scores), fake_scores)
        gradients = tape.gradient(loss, self.generator.trainable_variables)
        self.generator_optimizer.apply(gradients, self.generator.trainable_variables)
        self.generator_loss.update_state(loss)
        return {metric.name: metric.result() for metric in self.metrics}
