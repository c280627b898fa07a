"""CycleGAN with an optimizer for each network, as a model with a `train_step`, after the example on keras.io."""

import keras
import tensorflow as tf

from benchmarks.comparison.networks import make_patch_judge, make_translator


class FourUpdates(keras.Model):
    def __init__(self, cycle_weight=10.0, identity_weight=5.0):
        super().__init__()
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.to_b, self.to_a = make_translator(), make_translator()
        self.judge_a, self.judge_b = make_patch_judge(), make_patch_judge()

    def compile(self, **options):
        super().compile(**options)
        self.networks = (self.to_a, self.to_b, self.judge_a, self.judge_b)
        self.optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in self.networks]
        for optimizer, network in zip(self.optimizers, self.networks, strict=True):
            optimizer.build(network.trainable_variables)

    def distance(self, one, other):
        return tf.reduce_mean(tf.abs(one - other))

    def train_step(self, batch):
        a, b = batch
        with tf.GradientTape(persistent=True) as tape:
            fake_a, fake_b = self.to_a(b, training=True), self.to_b(a, training=True)
            score_a, score_b = self.judge_a(fake_a, training=True), self.judge_b(fake_b, training=True)
            real_a, real_b = self.judge_a(a, training=True), self.judge_b(b, training=True)
            cycle = self.distance(a, self.to_a(fake_b, training=True)) + self.distance(b, self.to_b(fake_a, training=True))
            losses = (
                0.5 * tf.reduce_mean(tf.square(score_a - 1.0))
                + self.cycle_weight * cycle
                + self.identity_weight * self.distance(a, self.to_a(a, training=True)),
                0.5 * tf.reduce_mean(tf.square(score_b - 1.0))
                + self.cycle_weight * cycle
                + self.identity_weight * self.distance(b, self.to_b(b, training=True)),
                0.5 * tf.reduce_mean(tf.square(score_a)) + 0.5 * tf.reduce_mean(tf.square(real_a - 1.0)),
                0.5 * tf.reduce_mean(tf.square(score_b)) + 0.5 * tf.reduce_mean(tf.square(real_b - 1.0)),
            )
        gradients = [
            tape.gradient(loss, network.trainable_variables) for loss, network in zip(losses, self.networks, strict=True)
        ]
        for optimizer, gradient, network in zip(self.optimizers, gradients, self.networks, strict=True):
            optimizer.apply(gradient, network.trainable_variables)
        return {"to_a": losses[0], "to_b": losses[1], "judge_a": losses[2], "judge_b": losses[3]}
