"""Gradients that are gathered over batches: those of one large batch where the loss is a mean over examples, and where not."""

from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import BatchNormGan, double_precision, labelled, make
from tiny import PointGan as Gan

import gantape as gt
from gantape.layers import MinibatchDeviation, Pack

layers = keras.layers


@attrs.frozen
class GivenLatents(gt.conditioning.Condition):
    """A batch brings the latents along: with noise of its own, no two ways to cut the data into batches could be equal."""

    latent_size: int = 3

    def sample(self, count, batch, rng):
        return batch[1]

    def for_grid(self, rows, columns, batch):
        return tf.zeros([rows * columns, self.latent_size], keras.config.floatx())

    def for_generator(self, latents, conditioning):
        return conditioning

    def for_discriminator(self, examples, conditioning):
        return examples


class GivenGan(Gan):
    """Plain gradient descent, with penalties that draw no noise."""

    batches: int = 1

    def build_condition(self):
        return GivenLatents()

    def build_penalties(self):
        return (gt.losses.R1(0.5), gt.losses.R2(0.5))

    def build_generator_optimizer(self):
        return keras.optimizers.SGD(0.05)

    def build_discriminator_optimizer(self):
        return keras.optimizers.SGD(0.05)

    def build_generator_gradient_options(self):
        return gt.GradientOptions(accumulate=self.batches)

    def build_discriminator_gradient_options(self):
        return gt.GradientOptions(accumulate=self.batches)


class Dense(gt.SupervisedTask):
    batches: int = 1

    def build_model(self):
        return keras.Sequential([keras.Input((4,)), layers.Dense(6, "tanh"), layers.Dense(3)])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.05)

    def build_loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def updates(self):
        return tuple(
            attrs.evolve(update, gradient_options=gt.GradientOptions(accumulate=self.batches)) for update in super().updates()
        )


def data_of(task_class: type[Any], examples: int, batch_size: int) -> gt.data.ArrayBatches:
    if issubclass(task_class, Dense):
        return labelled(examples, batch_size)
    numbers = np.random.default_rng(1).normal(size=(examples, 5)).astype(keras.config.floatx())
    return gt.data.from_arrays((numbers[:, :2] + 2.0, numbers[:, 2:]), batch_size=batch_size)


def trained(task_class: type[Any], size: int, batches: int, steps: int, mode: Any) -> list[np.ndarray]:
    """Weights of the models after some steps, each of `size · batches` examples."""
    task = make(task_class, batches=batches)
    data = data_of(task_class, size * batches * steps, size)
    gt.Loop(task, compiler=gt.StepCompiler(mode), seed=4).run(data, steps=steps)
    return [np.array(variable) for update in task.updates() for variable in update.trainable_variables]


def largest_difference(task_class: type[Any], size: int, batches: int, steps: int, mode: Any) -> float:
    gathered = trained(task_class, size, batches, steps, mode)
    whole = trained(task_class, size * batches, 1, steps, mode)
    return max(float(np.abs(one - other).max()) for one, other in zip(gathered, whole, strict=True))


@pytest.mark.parametrize("task_class", [Dense, GivenGan])
@given(size=st.integers(1, 5), batches=st.integers(2, 4))
@settings(max_examples=6, deadline=None)
def test_small_batches_equal_a_large_one(task_class, size, batches):
    """In float64, where what is left of rounding cannot hide an error."""
    with double_precision():
        assert largest_difference(task_class, size, batches, 2, "eager") < 1e-12


@pytest.mark.parametrize("mode", ["graph", "xla"])
@pytest.mark.parametrize("task_class", [Dense, GivenGan])
def test_small_batches_equal_a_large_one_in_compiled_code(task_class, mode):
    """Weights are of the order of 1; some hundred roundings of 6e-8 each."""
    assert largest_difference(task_class, 4, 3, 4, mode) < 1e-5


def test_noise_of_their_own_makes_them_differ():
    """The second batch does not see the latents that the second half of a large batch would."""

    class Drawing(GivenGan):
        def build_condition(self):
            return gt.conditioning.Unconditional()

    assert largest_difference(Drawing, 4, 2, 1, "eager") > 1e-4


def test_a_move_from_several_batches_is_the_mean_of_their_gradients():
    """The law itself, with noise: gradients of each batch by hand, averaged, and one step down."""

    class Drawing(GivenGan):
        def build_condition(self):
            return gt.conditioning.Unconditional()

    task, by_hand = make(Drawing, batches=2), make(Drawing)
    data = data_of(Drawing, 8, 4)
    gt.Loop(task, compiler=gt.StepCompiler("eager"), seed=4).run(data, steps=1)
    stack = data.open(4, gt.data.Position()).read(2)
    update = by_hand.updates()[0]
    noises = [gt.RandomStreams(4, 0).stream("discriminator", place) for place in (0, 1)]
    found = [update.gradients(stack.prepare(stack.batch(place)), rng)[1] for place, rng in enumerate(noises)]
    moved = zip(task.updates()[0].trainable_variables, update.trainable_variables, *found, strict=True)
    for variable, start, one, other in moved:
        np.testing.assert_allclose(variable.numpy(), start.numpy() - 0.05 * (one + other) / 2.0, rtol=1e-5, atol=1e-7)


class Averaged(GivenGan):
    """The mean of the other kind's scores is one of the batch."""

    def build_loss(self):
        return gt.losses.RelativisticAverage()


class Normed(GivenGan):
    def build_generator(self):
        return BatchNormGan.build_generator(self)


class Packed(GivenGan):
    def build_discriminator(self):
        return keras.Sequential([keras.Input((2,)), Pack(2), layers.Dense(8, "tanh"), layers.Dense(1)])


class Deviating(GivenGan):
    def build_discriminator(self):
        seen = [keras.Input((2,)), layers.Reshape((1, 1, 2)), MinibatchDeviation(), layers.Flatten()]
        return keras.Sequential([*seen, layers.Dense(8, "tanh"), layers.Dense(1)])


class Paired(GivenGan):
    """A real example against one generated example, in the order of the batch."""

    def build_loss(self):
        return gt.losses.RelativisticPairing()


@pytest.mark.parametrize("task_class", [Averaged, Normed, Packed, Deviating])
def test_what_mixes_the_examples_of_a_batch_differs(task_class):
    assert largest_difference(task_class, 4, 2, 1, "eager") > 1e-5


def test_pairs_are_the_same_pairs():
    with double_precision():
        assert largest_difference(Paired, 4, 2, 2, "eager") < 1e-12
