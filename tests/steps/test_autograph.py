"""`if` and `for` on tensors in a user's code: AutoGraph converts it wherever gantape calls it, and converts nothing else."""

from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
from tensorflow.python.autograph.impl import api

import gantape as gt
from gantape import augment, conditioning, losses

MODES = ("eager", "graph", "xla", "xla-loop")
x = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")


def magnitude(value: Any) -> Any:
    """The absolute value of a scalar, by a branch."""
    if value < 0.0:
        value = -value
    return value


def final(task: gt.Task, data: gt.data.Batches, mode: Any) -> list[Any]:
    gt.Loop(task, compiler=gt.StepCompiler(mode), progress=False).run(data, steps=2)
    return [variable.numpy() for update in task.updates() for variable in update.trainable_variables]


def assert_modes_agree(make: Any, data: gt.data.Batches) -> None:
    eager, *others = [final(tiny.make(make), data, mode) for mode in MODES]
    for other in others:
        for one, two in zip(eager, other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


class BranchingMean(keras.metrics.Mean):
    def update_state(self, values: Any, _: Any) -> Any:
        total = magnitude(tf.reduce_sum(values))
        if total > 1.0:
            total = tf.ones_like(total)
        return super().update_state(total)


class Branching(gt.SupervisedTask):
    def build_model(self) -> Any:
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])

    def build_optimizer(self) -> Any:
        return keras.optimizers.SGD(0.1)

    def build_metrics(self) -> gt.MetricSet:
        return gt.MetricSet(branching=BranchingMean())

    def build_loss(self) -> Any:
        return lambda targets, predictions: magnitude(tf.reduce_mean(targets - predictions))


def prepared(batch: Any) -> Any:
    inputs, targets = batch
    if tf.reduce_mean(inputs) > 0.0:
        inputs = 2.0 * inputs
    return inputs, targets


def test_a_loss_a_metric_and_the_preparation_of_a_supervised_task() -> None:
    assert_modes_agree(Branching, gt.data.from_arrays((x, x), batch_size=8, prepare=prepared))


def flipped(batch: Any) -> Any:
    if tf.reduce_mean(batch) < 0.0:
        batch = -batch
    return batch


def test_the_preparation_of_two_sets_that_are_joined() -> None:
    both = gt.data.unpaired_sets(*(gt.data.from_arrays(sign * x, batch_size=8, prepare=flipped) for sign in (1.0, -1.0)))
    assert_modes_agree(Branching, both)


class Looping(gt.Task):
    """The loss is a method that calls another one, which loops over examples."""

    def build_model(self) -> Any:
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    def build_optimizer(self) -> Any:
        return keras.optimizers.SGD(0.1)

    def updates(self) -> tuple[gt.Update, ...]:
        return (gt.Update("model", self.of_batch, (self.model,), self.optimizer),)

    def of_batch(self, batch: Any, rng: gt.RandomStreams) -> gt.Losses:
        return gt.Losses({"sum": self.summed(self.model(batch))})

    def summed(self, values: Any) -> Any:
        total = tf.constant(0.0)
        for value in values:
            if value[0] > 0.0:
                total += value[0]
            else:
                total -= 0.5 * value[0]
        return total


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_loop_over_examples_in_a_method(mode: Any) -> None:
    task = tiny.make(Looping)
    kernel, bias = (variable.numpy() for variable in task.model.variables)
    data = gt.data.from_arrays(x, batch_size=8)
    rows = data.rows(0, gt.data.Position(), 1)
    assert rows is not None
    values = x[rows] @ kernel + bias
    history = gt.Loop(task, compiler=gt.StepCompiler(mode), progress=False).run(data, steps=1)
    assert history.last()["loss"] == pytest.approx(np.where(values > 0.0, values, -0.5 * values).sum(), rel=1e-5)


@attrs.frozen
class Branch(losses.Penalty):
    """With slots, attrs makes the class anew; `super()` has to find it."""

    weight: float = 1.0

    @property
    def name(self) -> str:
        return "branch"

    def __call__(self, discriminator: Any, real: Any, fake: Any, rng: Any) -> Any:
        assert super().__init_subclass__ is not None
        return self.weight * magnitude(tf.reduce_mean(discriminator(real) - discriminator(fake)))


@attrs.frozen
class Flip(augment.Augmentation):
    def __call__(self, examples: Any, rng: Any) -> Any:
        if tf.reduce_mean(examples) < 0.0:
            examples = -examples
        return examples


@attrs.frozen
class Signed(losses.NonSaturating):
    def generator_costs(self, fake: Any) -> Any:
        costs = super().generator_costs(fake)
        if tf.reduce_mean(costs) < 0.5:
            costs = 2.0 * costs
        return costs


class Plain(conditioning.Unconditional):
    def for_generator(self, latents: Any, conditioning: Any) -> Any:
        if tf.reduce_mean(latents) < 0.0:
            latents = -latents
        return latents


class BranchingGan(tiny.PointGan):
    def build_loss(self) -> Any:
        return Signed()

    def build_penalties(self) -> Any:
        return (Branch(),)

    def build_augmentations(self) -> Any:
        return (Flip(),)

    def build_condition(self) -> Any:
        return Plain()

    def real_examples(self, batch: Any) -> Any:
        real = super().real_examples(batch)
        if tf.reduce_mean(real) < 0.0:
            real = -real
        return real


def test_every_part_of_a_gan() -> None:
    assert_modes_agree(BranchingGan, tiny.points())


class WithFunction(Branching):
    reduce: Any = magnitude

    def build_loss(self) -> Any:
        return lambda targets, predictions: self.reduce(tf.reduce_mean(targets - predictions))


def test_a_field_that_holds_a_function_is_that_function() -> None:
    assert tiny.make(WithFunction).reduce is magnitude
    assert_modes_agree(WithFunction, gt.data.from_arrays((x, x), batch_size=8))


def test_nothing_of_the_package_is_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[str] = []
    transform = type(api._TRANSPILER).transform

    def listed(self: Any, function: Any, context: Any) -> Any:
        converted.append(f"{function.__module__}.{function.__qualname__}")
        return transform(self, function, context)

    monkeypatch.setattr(type(api._TRANSPILER), "transform", listed)
    final(tiny.make(tiny.PointGan), tiny.points(), "graph")
    own = {name for name in converted if name.startswith("gantape.")}
    assert own == set()
