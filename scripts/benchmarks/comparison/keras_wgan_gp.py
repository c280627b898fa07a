"""WGAN-GP as a model with a `train_step`, after the example on keras.io."""

import keras
import tensorflow as tf

from benchmarks.comparison.networks import make_discriminator, make_generator


class WGANGP(keras.Model):
    def __init__(self, latent_size=64, discriminator_updates=5, penalty_weight=10.0):
        super().__init__()
        self.latent_size = latent_size
        self.discriminator_updates = discriminator_updates
        self.penalty_weight = penalty_weight
        self.generator = make_generator(latent_size)
        self.discriminator = make_discriminator()
        self.discriminator_loss = keras.metrics.Mean(name="discriminator_loss")
        self.generator_loss = keras.metrics.Mean(name="generator_loss")

    def compile(self, **options):
        super().compile(**options)
        self.generator_optimizer = keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9)
        self.discriminator_optimizer = keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9)
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    @property
    def metrics(self):
        return [self.discriminator_loss, self.generator_loss]

    def gradient_penalty(self, real, fake):
        share = tf.random.uniform([tf.shape(real)[0], 1, 1, 1])
        between = share * real + (1.0 - share) * fake
        with tf.GradientTape() as tape:
            tape.watch(between)
            scores = self.discriminator(between, training=True)
        gradients = tape.gradient(scores, between)
        norms = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3]) + 1e-10)
        return tf.reduce_mean(tf.square(norms - 1.0))

    def train_step(self, real):
        count = tf.shape(real)[0]
        for _ in range(self.discriminator_updates):
            latents = tf.random.normal([count, self.latent_size])
            with tf.GradientTape() as tape:
                fake = self.generator(latents, training=True)
                fake_scores = self.discriminator(fake, training=True)
                real_scores = self.discriminator(real, training=True)
                loss = tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores)
                loss += self.penalty_weight * self.gradient_penalty(real, fake)
            gradients = tape.gradient(loss, self.discriminator.trainable_variables)
            self.discriminator_optimizer.apply(gradients, self.discriminator.trainable_variables)
            self.discriminator_loss.update_state(loss)
        latents = tf.random.normal([count, self.latent_size])
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(self.discriminator(self.generator(latents, training=True), training=True))
        gradients = tape.gradient(loss, self.generator.trainable_variables)
        self.generator_optimizer.apply(gradients, self.generator.trainable_variables)
        self.generator_loss.update_state(loss)
        return {metric.name: metric.result() for metric in self.metrics}
