"""Every penalty in every mode, one of them lazy, against the same training written out by hand."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import MODES, PointGan, double_precision, layers, make, points, weights

import gantape as gt
from gantape.losses import R1, R2, BalancedConsistency, DraganPenalty, GradientPenalty, Lazy

EVERY, STEPS = 3, 7


def shift(examples: Any, rng: gt.RandomStreams) -> Any:
    return examples + rng.uniform("shift", examples.shape)


class PenalisedGan(PointGan):
    """All penalties, R1 in every third step."""

    def build_penalties(self):
        return (GradientPenalty(), DraganPenalty(), R2(), BalancedConsistency(shift), Lazy(R1(2.0), every=EVERY))


class ByHand(PenalisedGan):
    """The same for eager code, where the number of a step can be read."""

    def build_penalties(self):
        return super().build_penalties()[:-1]

    def discriminator_loss(self, batch, rng):
        losses = super().discriminator_loss(batch, rng)
        due = int(rng.step) % EVERY == 0
        r1 = EVERY * R1(2.0)(self.discriminator, batch, batch, rng) if due else 0.0
        return gt.Losses({**losses.terms, "r1": r1}, losses.metrics)


def trained(task_class: type[Any], mode: Any) -> tuple[gt.Loop, list[Any]]:
    task = make(task_class)
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode, steps_per_call=4, max_traces=1))
    loop.run(points(), steps=STEPS)
    return loop, weights(task)


@pytest.fixture(scope="module")
def by_hand() -> list[Any]:
    with double_precision():
        return trained(ByHand, "eager")[1]


@pytest.mark.parametrize("mode", MODES)
def test_a_lazy_penalty_counts_times_k_in_every_kth_step(mode: Any, by_hand: list[Any]) -> None:
    with double_precision():
        loop, found = trained(PenalisedGan, mode)
        for one, other in zip(found, by_hand, strict=True):
            # Noise is drawn in float32, and XLA rounds some of it otherwise.
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)
        if mode != "eager":
            assert "\n2 traces" in loop.explain()


def test_a_lazy_penalty_is_recorded_where_it_is_due() -> None:
    history = gt.Loop(make(PenalisedGan), compiler=gt.StepCompiler("eager")).run(points(), steps=4, record=gt.every(steps=1))
    assert ["discriminator/r1" in row for row in history] == [True, False, False, True]


def test_a_step_without_the_penalty_does_not_compute_its_gradient() -> None:
    """A graph of a step without has fewer operations by far: what no output needs is cut out of it."""
    task = make(PenalisedGan)
    update = task.updates()[0]

    def operations(due: tuple[str, ...]) -> int:
        function = tf.function(lambda batch: update.losses(batch, gt.RandomStreams(0), due).total)
        graph = function.get_concrete_function(tf.zeros([4, 2])).graph
        needed: set[str] = set()
        waiting = [output.op for output in graph.outputs]
        while waiting:
            operation = waiting.pop()
            if operation.name not in needed:
                needed.add(operation.name)
                waiting += [tensor.op for tensor in operation.inputs]
        return len(needed)

    assert operations(()) < operations(("r1",)) - 20


@pytest.mark.parametrize(
    ("lazy", "error", "words"),
    [
        ({"r1": 0}, gt.errors.TaskError, "positive whole number"),
        ({"r1": 2.5}, gt.errors.TaskError, "positive whole number"),
        ({"r3": 2}, gt.errors.LossError, "r3, for terms real, fake"),
    ],
)
def test_lazy_terms_have_a_name_and_an_interval(lazy: Any, error: type[Exception], words: str) -> None:
    class Mistaken(PointGan):
        def updates(self):
            discriminator, generator = super().updates()
            named = gt.Update("discriminator", discriminator.loss, discriminator.variables, discriminator.optimizer, lazy=lazy)
            return named, generator

    with pytest.raises(error, match=words):
        gt.Loop(make(Mistaken)).run(points(), steps=1)


def test_the_interval_of_a_penalty_is_a_positive_whole_number() -> None:
    with pytest.raises(gt.errors.HyperparameterError, match="whole number of at least 1"):
        Lazy(R1(), every=0)


def test_a_lazy_penalty_alone_is_the_penalty() -> None:
    def discriminator(examples: Any, training: bool) -> Any:
        return tf.reduce_sum(examples**2, axis=1)

    points = tf.constant([[1.0, 2.0]])
    assert float(Lazy(R1(2.0))(discriminator, points, points, gt.RandomStreams(0))) == pytest.approx(20.0)
    assert Lazy(R1()).name == "r1"


@pytest.mark.filterwarnings("ignore:a penalty takes the gradient:gantape.errors.GantapeWarning")
def test_a_penalty_that_is_not_due_changes_no_variable() -> None:
    """A pass that is not needed would draw a seed of dropout and move the statistics of batch norm."""

    class Stateful(PointGan):
        def build_discriminator(self):
            return keras.Sequential(
                [keras.Input((2,)), layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5, seed=1), layers.Dense(1)]
            )

        def build_penalties(self):
            return (Lazy(R1(), every=2),)

    def state_after(due: tuple[str, ...]) -> list[Any]:
        task = make(Stateful)
        task.updates()[0].losses(tf.constant(points(4).arrays), gt.RandomStreams(0), due)
        return [variable.numpy() for variable in task.discriminator.non_trainable_variables]

    class Without(Stateful):
        def build_penalties(self):
            return ()

    task = make(Without)
    task.updates()[0].losses(tf.constant(points(4).arrays), gt.RandomStreams(0))
    expected = [variable.numpy() for variable in task.discriminator.non_trainable_variables]
    assert all(map(np.array_equal, state_after(()), expected))
    assert not all(map(np.array_equal, state_after(("r1",)), expected))
