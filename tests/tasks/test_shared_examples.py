"""Updates may share generated examples: a second pass over the same latents gives the same training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import BatchNormGan, PointGan, double_precision, make, points

import gantape as gt
from gantape.errors import TaskError


class SameLatents(BatchNormGan):
    """Generates anew, in the generator's update, from the latents of the discriminator's."""

    def discriminator_loss(self, batch, rng):
        vars(self).setdefault("noises", {})[id(batch)] = rng
        return super().discriminator_loss(batch, rng)

    def generator_loss(self, batch, rng):
        return super().generator_loss(batch, self.noises[id(batch)])


@given(
    updates=st.integers(1, 3),
    joint_batch=st.booleans(),
    penalised=st.booleans(),
    batches=st.integers(1, 2),
    mode=st.sampled_from(["eager", "graph"]),
)
@settings(max_examples=5, deadline=None)
def test_sharing_examples_is_a_second_pass_over_the_same_latents(updates, joint_batch, penalised, batches, mode):
    class Gathering:
        def build_discriminator_gradient_options(self):
            return gt.GradientOptions(accumulate=batches)

        build_generator_gradient_options = build_discriminator_gradient_options

    class Sharing(Gathering, BatchNormGan):
        pass

    class Repeating(Gathering, SameLatents):
        pass

    options = {"discriminator_updates": updates, "joint_batch": joint_batch, "penalised": penalised}
    with double_precision():
        tasks = make(Sharing, shared_examples=True, **options), make(Repeating, **options)
        for task in tasks:
            gt.Loop(task, compiler=gt.StepCompiler(mode, steps_per_call=3)).run(points(), steps=4)
        for network in ("discriminator", "generator"):
            shared, repeated = (getattr(task, network).trainable_variables for task in tasks)
            for one, other in zip(shared, repeated, strict=True):
                np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("shared", "passes"), [(False, 2), (True, 1)])
def test_shared_examples_are_generated_once(shared, passes):
    calls = []

    class Counting(keras.layers.Layer):
        def call(self, inputs, training=False):
            if training:
                calls.append(inputs.shape)
            return inputs

    class Counted(PointGan):
        def build_generator(self):
            return keras.Sequential([keras.Input((self.latent_size,)), Counting(), keras.layers.Dense(2)])

    task = make(Counted, shared_examples=shared)
    step = gt.Step(task.updates(), seed=0, update_metrics=task.metrics.update)
    step.run([tf.ones((4, 2))], tf.constant(0, tf.int64), step.due(0))
    assert calls == [(4, task.latent_size)] * passes


def test_a_generator_with_added_losses_cannot_share_its_examples():
    class Adding(PointGan):
        def build_generator(self):
            return keras.Sequential(
                [keras.Input((self.latent_size,)), keras.layers.Dense(2, activity_regularizer="l2", kernel_regularizer="l2")]
            )

    make(Adding)
    with pytest.raises(TaskError, match="cannot add losses"):
        make(Adding, shared_examples=True)
