"""CycleGAN as a model with a `train_step`, after the example on keras.io."""

import keras
import tensorflow as tf

from benchmarks.comparison.networks import make_patch_judge, make_translator


class CycleGAN(keras.Model):
    def __init__(self, cycle_weight=10.0, identity_weight=5.0):
        super().__init__()
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.to_b, self.to_a = make_translator(), make_translator()
        self.judge_a, self.judge_b = make_patch_judge(), make_patch_judge()
        self.translators_loss = keras.metrics.Mean(name="translators_loss")
        self.judges_loss = keras.metrics.Mean(name="judges_loss")

    def compile(self, **options):
        super().compile(**options)
        self.translators_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
        self.judges_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
        self.translators_optimizer.build(self.translators_variables)
        self.judges_optimizer.build(self.judges_variables)

    @property
    def metrics(self):
        return [self.translators_loss, self.judges_loss]

    @property
    def translators_variables(self):
        return self.to_a.trainable_variables + self.to_b.trainable_variables

    @property
    def judges_variables(self):
        return self.judge_a.trainable_variables + self.judge_b.trainable_variables

    def generator_loss(self, judge, made):
        return 0.5 * tf.reduce_mean(tf.square(judge(made, training=True) - 1.0))

    def discriminator_loss(self, judge, real, made):
        real_loss = tf.reduce_mean(tf.square(judge(real, training=True) - 1.0))
        made_loss = tf.reduce_mean(tf.square(judge(made, training=True)))
        return 0.5 * (real_loss + made_loss)

    def distance(self, one, other):
        return tf.reduce_mean(tf.abs(one - other))

    def train_step(self, batch):
        a, b = batch
        with tf.GradientTape() as tape:
            made_a, made_b = self.to_a(b, training=True), self.to_b(a, training=True)
            loss = self.generator_loss(self.judge_a, made_a) + self.generator_loss(self.judge_b, made_b)
            loss += self.cycle_weight * self.distance(a, self.to_a(made_b, training=True))
            loss += self.cycle_weight * self.distance(b, self.to_b(made_a, training=True))
            loss += self.identity_weight * self.distance(a, self.to_a(a, training=True))
            loss += self.identity_weight * self.distance(b, self.to_b(b, training=True))
        gradients = tape.gradient(loss, self.translators_variables)
        self.translators_optimizer.apply(gradients, self.translators_variables)
        self.translators_loss.update_state(loss)
        made_a, made_b = self.to_a(b, training=True), self.to_b(a, training=True)
        with tf.GradientTape() as tape:
            loss = self.discriminator_loss(self.judge_a, a, made_a) + self.discriminator_loss(self.judge_b, b, made_b)
        gradients = tape.gradient(loss, self.judges_variables)
        self.judges_optimizer.apply(gradients, self.judges_variables)
        self.judges_loss.update_state(loss)
        return {metric.name: metric.result() for metric in self.metrics}
