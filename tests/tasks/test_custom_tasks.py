"""A task may have any number of networks and updates: translation, a variational autoencoder, distillation."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import MODES, make

import gantape as gt

layers = keras.layers


def dense(inputs: int, outputs: int, name: str | None = None) -> keras.Model:
    return keras.Sequential([keras.Input((inputs,)), layers.Dense(outputs)], name=name)


class CycleGan(gt.Task):
    """Two domains, four models, two optimizers."""

    cycle_weight: float = 10.0

    def build_forward(self):
        return dense(2, 2)

    def build_backward(self):
        return dense(2, 2)

    def build_source_discriminator(self):
        return dense(2, 1)

    def build_target_discriminator(self):
        return dense(2, 1)

    def build_generators_optimizer(self):
        return keras.optimizers.Adam(0.01)

    def build_discriminators_optimizer(self):
        return keras.optimizers.Adam(0.01)

    def updates(self):
        discriminators = (self.source_discriminator, self.target_discriminator)
        return (
            gt.Update("discriminators", self.discriminators_loss, discriminators, self.discriminators_optimizer),
            gt.Update("generators", self.generators_loss, (self.forward, self.backward), self.generators_optimizer),
        )

    def discriminators_loss(self, batch, rng):
        source, target = batch
        return gt.Losses(
            {
                "source": self._gap(self.source_discriminator, source, self.backward(target)),
                "target": self._gap(self.target_discriminator, target, self.forward(source)),
            }
        )

    def generators_loss(self, batch, rng):
        source, target = batch
        made, back = self.forward(source), self.backward(target)
        cycle = tf.reduce_mean(tf.abs(self.backward(made) - source)) + tf.reduce_mean(tf.abs(self.forward(back) - target))
        fooled = tf.square(self.target_discriminator(made) - 1.0) + tf.square(self.source_discriminator(back) - 1.0)
        return gt.Losses({"adversarial": tf.reduce_mean(fooled), "cycle": self.cycle_weight * cycle})

    @staticmethod
    def _gap(discriminator, real, fake):
        return tf.reduce_mean(tf.square(discriminator(real) - 1.0) + tf.square(discriminator(fake)))


class VariationalAutoencoder(gt.Task):
    """An encoder to means and log-variances, a decoder, one optimizer for both."""

    latent_size: int = 1

    def build_encoder(self):
        return dense(2, 2 * self.latent_size)

    def build_decoder(self):
        return dense(self.latent_size, 2)

    def build_optimizer(self):
        return keras.optimizers.Adam(0.01)

    def updates(self):
        return (gt.Update("both", self.loss, (self.encoder, self.decoder), self.optimizer),)

    def loss(self, batch, rng):
        mean, log_variance = tf.split(self.encoder(batch[0]), 2, axis=1)
        latent = mean + tf.exp(log_variance / 2) * rng.normal("latent", mean.shape)
        divergence = 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - log_variance - 1.0, axis=1)
        return gt.Losses(
            {
                "reconstruction": tf.reduce_mean(tf.square(self.decoder(latent) - batch[0])),
                "divergence": tf.reduce_mean(divergence),
            }
        )


class Distillation(gt.Task):
    """A student that learns what a frozen teacher says."""

    def build_teacher(self):
        return dense(2, 3)

    def build_student(self):
        return dense(2, 3)

    def build_optimizer(self):
        return keras.optimizers.SGD(0.5)

    def updates(self):
        return (gt.Update("student", self.loss, (self.student,), self.optimizer),)

    def loss(self, batch, rng):
        wanted = tf.nn.softmax(self.teacher(batch[0]))
        return gt.Losses({"match": tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, self.student(batch[0])))})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("task_class", "frozen"), [(CycleGan, ()), (VariationalAutoencoder, ()), (Distillation, ("teacher",))])
def test_games_of_other_shapes_train_in_every_mode_with_one_trace(task_class, frozen, mode):
    numbers = np.random.default_rng(0).normal(size=(2, 40, 2)).astype("float32")
    task = make(task_class)
    before = {name: [a.copy() for a in part.get_weights()] for name, part in parts_with_weights(task)}
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode, max_traces=1, steps_per_call=8))

    history = loop.run(gt.data.from_arrays((numbers[0], numbers[1] + 2.0), batch_size=8), epochs=12)

    assert ("0 traces" if mode == "eager" else "1 trace,") in loop.explain()
    losses = history.values(next(name for name in history.columns if name.endswith("loss")))
    assert losses[-1] < losses[0]
    for name, part in parts_with_weights(task):
        identity = all(map(np.array_equal, part.get_weights(), before[name]))
        assert identity == (name in frozen)


def parts_with_weights(task: gt.Task) -> list[tuple[str, keras.Model]]:
    return [(name, part) for name in task.part_names() if isinstance(part := getattr(task, name), keras.Model)]
