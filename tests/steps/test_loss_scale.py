"""The scale of a loss in float16 follows its law, in a step and in a run."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from mixed_precision import mixed_optimizer, scaled
from tiny import BatchNormGan, Classifier, identical, labelled, make, points
from tiny import PointGan as Gan

import gantape as gt
from gantape.errors import NotFiniteError
from gantape.steps.loss_scale import LossScale

# The scale


def law(finite, scale, growth):
    """Micikevicius et al., section 3.2, in NumPy: the scale after each update, from whether it was finite."""
    counts, found = 0, []
    for good in finite:
        if not good:
            scale, counts = max(scale / 2.0, 1.0), 0
        elif counts + 1 == growth:
            scale, counts = 2.0 * scale, 0
        else:
            counts += 1
        found.append(scale)
    return found


@given(finite=st.lists(st.booleans(), max_size=40), exponent=st.integers(0, 20), growth=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_the_scale_follows_the_law(finite, exponent, growth):
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=2.0**exponent, dynamic_growth_steps=growth
    )
    optimizer.build([keras.Variable(0.0)])
    found = []
    for good in finite:
        LossScale.of(optimizer).adjust(tf.constant(0.0 if good else 1.0))
        found.append(float(optimizer.dynamic_scale))
    assert found == law(finite, 2.0**exponent, growth)


@pytest.mark.parametrize("mode", ["graph", "xla", pytest.param("xla-loop", marks=pytest.mark.slow)])
def test_an_overflow_leaves_the_update_out_with_all_that_follows_it_and_halves_one_scale(mode):
    initial = 2.0**40
    task = make(scaled(Gan, initial, 1000), precision="mixed_float16", generator_decay=0.9)
    frozen = [np.array(value) for value in task.discriminator.get_weights()]
    history = gt.Loop(task, compiler=gt.StepCompiler(mode)).run(points(), steps=4)
    assert history.last()["discriminator/skipped"] == 1.0
    assert history.last()["generator/skipped"] == 0.0
    assert "discriminator/loss" not in history.last()
    assert np.isfinite(history.last()["generator/loss"])
    assert identical(frozen, task.discriminator.get_weights())
    assert float(task.discriminator_optimizer.dynamic_scale) == initial / 2.0**4
    assert float(task.generator_optimizer.dynamic_scale) == 2.0**15
    assert int(task.discriminator_optimizer.iterations) == 0
    assert int(task.generator_optimizer.iterations) == 4


def test_averages_and_statistics_do_not_follow_an_update_that_is_left_out():
    class Overflowing(BatchNormGan):
        def build_generator_optimizer(self):
            return keras.optimizers.LossScaleOptimizer(super().build_generator_optimizer(), initial_scale=2.0**60)

        def updates(self):
            return super().updates()[1:]

    task = make(Overflowing, precision="mixed_float16", generator_decay=0.9)
    before = [np.array(weight) for model in (task.generator, task.averaged_generator) for weight in model.get_weights()]
    history = gt.Loop(task).run(points(), steps=3)
    after = [np.array(weight) for model in (task.generator, task.averaged_generator) for weight in model.get_weights()]
    assert history.last()["skipped"] == 1.0
    assert identical(before, after)


def test_the_scale_grows_in_a_run():
    task = make(scaled(Gan, 8.0, 3), precision="mixed_float16")
    gt.Loop(task).run(points(), steps=7)
    assert float(task.discriminator_optimizer.dynamic_scale) == 32.0
    assert int(task.discriminator_optimizer.step_counter) == 1


def test_a_scale_that_is_too_small_loses_gradients_which_the_right_one_keeps():
    """What the scale is for: a gradient of 1e-9 is zero in float16, times 2¹⁵ it is not."""

    class Faint(Classifier):
        initial: float = 2.0**15

        def build_loss(self):
            return lambda targets, predictions: 1e-9 * tf.reduce_mean(predictions)

        def build_optimizer(self):
            return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=self.initial)

    def bias_gradient(initial):
        update = make(Faint, precision="mixed_float16", initial=initial).updates()[0]
        _, gradients = update.gradients((tf.ones([4, 4]), tf.zeros([4])), gt.RandomStreams(0))
        return gradients[-1].numpy()

    assert not bias_gradient(1.0).any()
    np.testing.assert_allclose(bias_gradient(2.0**15), np.full(3, 1e-9 / 3.0), rtol=0.05)


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_a_divergence_ends_the_run_when_the_scale_cannot_fall_any_more(mode):
    """Data that is not finite from some step on: 15 updates are left out while the scale falls from 2¹⁵ to 1."""
    inputs, labels = labelled(128).arrays
    first = gt.data.shuffled(128, 0, 0)[:8]
    bad = np.full_like(inputs, np.inf)
    bad[first] = inputs[first]
    data = gt.data.from_arrays((bad, labels), batch_size=4)
    loop = gt.Loop(make(Classifier, precision="mixed_float16"), compiler=gt.StepCompiler(mode))
    with pytest.raises(NotFiniteError) as caught:
        loop.run(data, steps=32)
    assert caught.value.where == "step 17"
    assert float(mixed_optimizer(loop.task).dynamic_scale) == 1.0
