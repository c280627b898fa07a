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

    def distance(self, one, other):
        return tf.reduce_mean(tf.abs(one - other))

    def train_step(self, batch):
        a, b = batch
        with tf.GradientTape(persistent=True) as tape:
            fake_a, fake_b = self.to_a(b, training=True), self.to_b(a, training=True)
            scores = [self.judge_a(fake_a, training=True), self.judge_b(fake_b, training=True)]
            real_scores = [self.judge_a(a, training=True), self.judge_b(b, training=True)]
            translators_loss = sum(0.5 * tf.reduce_mean(tf.square(score - 1.0)) for score in scores)
            translators_loss += self.cycle_weight * self.distance(a, self.to_a(fake_b, training=True))
            translators_loss += self.cycle_weight * self.distance(b, self.to_b(fake_a, training=True))
            translators_loss += self.identity_weight * self.distance(a, self.to_a(a, training=True))
            translators_loss += self.identity_weight * self.distance(b, self.to_b(b, training=True))
            judges_loss = sum(0.5 * tf.reduce_mean(tf.square(score)) for score in scores)
            judges_loss += sum(0.5 * tf.reduce_mean(tf.square(score - 1.0)) for score in real_scores)
        of_translators = tape.gradient(translators_loss, self.translators_variables)
        of_judges = tape.gradient(judges_loss, self.judges_variables)
        self.translators_optimizer.apply(of_translators, self.translators_variables)
        self.judges_optimizer.apply(of_judges, self.judges_variables)
        self.translators_loss.update_state(translators_loss)
        self.judges_loss.update_state(judges_loss)
        return {metric.name: metric.result() for metric in self.metrics}
