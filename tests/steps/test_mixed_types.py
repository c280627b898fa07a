"""Where numbers of 16 and of 32 bits meet in a task of one's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import PointGan as Gan
from tiny import make, points

import gantape as gt
from gantape.errors import CompileError

MIXED = ("mixed_bfloat16", "mixed_float16")


class Signs(gt.conditioning.Condition):
    """One more number for each example, in float32."""

    def sample(self, count, batch, rng):
        return rng.uniform("signs", [count])

    def for_grid(self, rows, columns, batch):
        return tf.linspace(-1.0, 1.0, rows * columns)

    def for_generator(self, latents, conditioning):
        return tf.concat([latents, conditioning[:, None]], axis=1)

    def for_discriminator(self, examples, conditioning):
        return tf.concat([examples, conditioning[:, None]], axis=1)


@pytest.mark.parametrize("precision", MIXED)
def test_a_condition_of_float32_fits_networks_in_16_bits(precision):
    class Signed(Gan):
        def build_condition(self):
            return Signs()

        def build_generator(self):
            return keras.Sequential([keras.Input((self.latent_size + 1,)), keras.layers.Dense(2)])

        def build_discriminator(self):
            return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])

    history = gt.Loop(make(Signed, precision=precision), compiler=gt.StepCompiler("eager")).run(points(), steps=2)
    assert np.isfinite(history.last()["generator/loss"])


@pytest.mark.parametrize("precision", MIXED)
@pytest.mark.parametrize("meet", [lambda one, other: one * other, lambda one, other: tf.concat([one, other], 0)])
def test_numbers_of_16_and_32_bits_that_meet_are_explained(precision, meet):
    class Meeting(gt.Task):
        def build_model(self):
            return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])

        def build_optimizer(self):
            return keras.optimizers.SGD(0.1)

        def updates(self):
            return (gt.Update("model", self.loss, [self.model], self.optimizer),)

        def loss(self, batch, rng):
            return gt.Losses({"error": tf.reduce_mean(meet(self.model(batch), rng.normal("noise", [4, 2])))})

    with pytest.raises(CompileError, match=r"gantape\.losses\.upcast\(self\.model\(batch\)\)"):
        gt.Loop(make(Meeting, precision=precision), compiler=gt.StepCompiler("graph")).run(points(), steps=1)
