"""Gradients are clipped and accumulated as NumPy does it; half-lives are counted in examples."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from regression import apply, layers, linear, reference_gradient, squared_error
from tiny import COMPILED, PointGan, identical, make, points

import gantape as gt
from gantape.errors import HyperparameterError

CLIPPED = {
    "by value": (gt.GradientOptions(clip_value=0.1), lambda gradient: np.clip(gradient, -0.1, 0.1)),
    "by norm": (gt.GradientOptions(clip_norm=0.2), lambda gradient: gradient * min(1.0, 0.2 / np.linalg.norm(gradient))),
    "by value, then norm": (
        gt.GradientOptions(clip_value=0.3, clip_norm=0.2),
        lambda gradient: np.clip(gradient, -0.3, 0.3) * min(1.0, 0.2 / np.linalg.norm(np.clip(gradient, -0.3, 0.3))),
    ),
    "by a norm that is not reached": (gt.GradientOptions(clip_norm=1e6), lambda gradient: gradient),
}


@pytest.mark.parametrize("name", CLIPPED)
def test_clipped_gradients_are_numpys(name, batch):
    descent, clip = CLIPPED[name]
    model = linear()
    before = model.get_weights()[0]
    apply(gt.Update("model", squared_error(model), (model,), keras.optimizers.SGD(1.0), gradient_options=descent), batch)
    expected = before - clip(reference_gradient(before, batch))
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-5, atol=1e-6)


def test_weights_are_clipped_after_the_move(batch):
    model = linear()
    before = model.get_weights()[0]
    descent = gt.GradientOptions(clip_weights=0.3)
    apply(gt.Update("model", squared_error(model), (model,), keras.optimizers.SGD(1.0), gradient_options=descent), batch)
    expected = np.clip(before - reference_gradient(before, batch), -0.3, 0.3)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-5, atol=1e-6)
    assert np.abs(before - reference_gradient(before, batch)).max() > 0.3


@pytest.mark.parametrize(
    "options", [{"accumulate": 0}, {"accumulate": 1.5}, {"accumulate": True}, {"clip_norm": 0.0}, {"clip_value": -1.0}]
)
def test_gradient_options_are_positive(options):
    with pytest.raises(HyperparameterError, match="gantape.GradientOptions"):
        gt.GradientOptions(**options)


@pytest.mark.parametrize("mode", ["eager", *COMPILED])
def test_gathered_gradients_are_those_of_one_large_batch(mode):
    """Two steps over three batches of 4 examples, and two over one batch of 12, without noise."""

    class Fit(gt.Task):
        batches: int = 1

        def build_model(self):
            return keras.Sequential([keras.Input((2,)), layers.Dense(5, "tanh"), layers.Dense(1)])

        def build_optimizer(self):
            return keras.optimizers.Adam(0.01)

        def updates(self):
            descent = gt.GradientOptions(accumulate=self.batches, clip_norm=0.5)
            loss = squared_error(self.model)
            return (gt.Update("fit", loss, (self.model,), self.optimizer, repeats=2, gradient_options=descent),)

    examples = np.random.default_rng(2).normal(size=(24, 2)).astype("float32")
    found = []
    for batches, size in ((3, 4), (1, 12)):
        task = make(Fit, batches=batches)
        # The order is the same, whatever the size of the batch.
        data = gt.data.from_arrays(examples, batch_size=size)
        history = gt.Loop(task, compiler=gt.StepCompiler(mode, max_traces=1), gradient_norms=True).run(data, steps=1)
        found.append([*task.model.get_weights(), history.last("train")["loss"], history.last("train")["gradient_norm"]])
        assert int(task.optimizer.iterations) == 2
    for gathered, whole in zip(*found, strict=True):
        np.testing.assert_allclose(gathered, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [2, 8])
def test_a_half_life_is_counted_in_examples(size):
    """After so many examples half is left of what the average held, whatever the batch size."""
    model, copy = linear(), linear()
    model.set_weights([np.ones((2, 1))])
    copy.set_weights([np.zeros((2, 1))])
    average = gt.ExponentialMovingAverage(model, copy, half_life=64.0)
    for _ in range(64 // size):
        average.follow(tf.constant(10**6), size)
    np.testing.assert_allclose(copy.get_weights()[0], 0.5, rtol=1e-5)


def test_an_adversarial_task_takes_a_half_life():
    task = make(PointGan, generator_half_life=8.0)
    average = task.updates()[1].average
    assert average is not None
    assert average.half_life == 8.0
    assert task.averaged_generator is not task.generator


@pytest.mark.parametrize("mode", ["eager", *COMPILED])
def test_clipping_and_schedules_of_keras_work_in_every_mode(mode):
    class Scheduled(PointGan):
        def build_generator_optimizer(self):
            return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 4), global_clipnorm=1.0)

        def build_discriminator_optimizer(self):
            return keras.optimizers.SGD(0.02)

        def build_discriminator_gradient_options(self):
            return gt.GradientOptions(clip_norm=0.5, clip_weights=0.4)

    task = make(Scheduled, generator_decay=0.9)
    gt.Loop(task, compiler=gt.StepCompiler(mode, max_traces=1)).run(points(), steps=5)
    frozen = task.generator.get_weights()
    assert all(np.abs(array).max() <= np.float32(0.4) for array in task.discriminator.get_weights())
    # The learning rate is zero from the fourth step on.
    gt.Loop(task, compiler=gt.StepCompiler(mode, max_traces=1)).run(points(), steps=2)
    assert identical(frozen, task.generator.get_weights())
