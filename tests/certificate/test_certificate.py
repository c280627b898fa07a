"""A certificate says that modes agree where they do, and names what differs where they do not; the loop is as it was."""

import re
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from small_recipes import batches, small
from tiny import Classifier, LazyGan, PointGan, identical, labelled, layers, make, points, weights

import gantape as gt
from gantape._tensorflow import in_xla
from gantape.commands.recipes import RECIPES
from gantape.errors import DataError, HyperparameterError, LossError, ModesError
from gantape.testing import assert_modes_agree

STRANGER = tf.Variable(1.0, name="stranger")
CALLS = {"count": 0}


class Changed(Classifier):
    """A classifier whose loss is changed by a method."""

    def updates(self):
        (update,) = super().updates()
        return (attrs.evolve(update, loss=self.changed_loss),)

    def changed_loss(self, batch, rng):
        losses = self._losses(batch, training=True)
        return gt.Losses({"changed": self.change(losses.total)}, losses.metrics)

    def change(self, loss):
        return loss


class DrawsNormal(Changed):
    def change(self, loss):
        return loss * tf.random.normal([])


class DropsOut(Changed):
    def change(self, loss):
        return tf.reduce_mean(tf.nn.dropout(tf.repeat(loss, 100), 0.5))


class DrawsInNumPy(Changed):
    def change(self, loss):
        return loss * np.random.default_rng().normal()


class Counts(Changed):
    def change(self, loss):
        CALLS["count"] += 1
        return loss * CALLS["count"]


class AsksForEager(Changed):
    def change(self, loss):
        return tf.cond(
            tf.constant(tf.executing_eagerly()),
            lambda: loss * 3.0,
            lambda: loss,
        )


class AssignsOutside(Changed):
    def change(self, loss):
        with tf.init_scope():
            STRANGER.assign_add(1.0)
        return loss * STRANGER


class OtherInXla(Changed):
    """A relative error of one in a thousand, in XLA."""

    def change(self, loss):
        if in_xla():
            loss = loss * 1.001
        return loss


class OverflowsInHalf(Changed):
    """A value beyond the largest half-precision number, which XLA keeps in single precision."""

    def change(self, loss):
        if in_xla():
            return loss
        return loss + tf.cast(tf.cast(loss, tf.float16) * 0.0 * tf.constant(np.inf, tf.float16), tf.float32)


class WithDropout(Classifier):
    def build_model(self):
        return keras.Sequential([keras.Input((4,)), layers.Dense(6), layers.Dropout(0.5), layers.Dense(3)])


class Saturated(Changed):
    """Subtracts numbers that are nearly equal: only few digits are left, others in each mode."""

    def change(self, loss):
        return loss + tf.math.log(1.0 - tf.sigmoid(loss + 12.0)) / 100.0


def certified(task_class: type[gt.Task], **options: Any) -> Any:
    data = labelled() if issubclass(task_class, Classifier) else points()
    return gt.Loop(make(task_class), seed=2, progress=False).certify(data, **options)


@pytest.mark.parametrize("task_class", [Classifier, LazyGan, Saturated])
def test_modes_agree(task_class):
    found = certified(task_class)
    assert found.agree, str(found)
    assert not found.failures
    names = {seen.name for seen in found.comparisons}
    assert len(names) > 15
    assert "report loss" in names or "report generator/loss" in names


@pytest.mark.parametrize(
    ("task_class", "cause"),
    [
        (DrawsNormal, r"random numbers: RandomStandardNormal in .*test_certificate.py:\d+, in change"),
        (DropsOut, r"random numbers: RandomUniform in .*test_certificate.py:\d+, in change"),
        (DrawsInNumPy, r"a number that Python makes and a graph keeps: .*test_certificate.py:\d+, in change"),
        (Counts, r"a number that Python makes and a graph keeps: .*test_certificate.py:\d+, in change"),
        (AsksForEager, r"test_certificate.py:\d+, in .* computes Mul in mode eager only"),
        (WithDropout, r"random numbers from a seed, of which XLA makes others: Stateless\w+ in layer dropout"),
        (OtherInXla, r"test_certificate.py:\d+, in change computes Mul in mode xla only"),
    ],
)
def test_a_difference_is_found_and_its_line_named(task_class, cause):
    found = certified(task_class, modes=("graph", "xla") if task_class in (WithDropout, OtherInXla) else ("eager", "graph"))
    assert not found.agree
    assert any(re.search(cause, text) for text in found.causes), found.causes
    worst = found.differences[0]
    assert worst.update == "model"
    assert worst.largest > worst.explained


def test_a_variable_that_no_part_holds_is_compared_too():
    found = certified(AssignsOutside, modes=("eager", "graph"))
    assert "stranger:0 (held by no part)" in {difference.name for difference in found.differences}


def test_what_is_finite_in_some_modes_only_differs():
    found = certified(OverflowsInHalf, modes=("graph", "xla"))
    assert not found.agree
    assert found.differences[0].largest == np.inf
    assert "not finite" in str(found)


def test_rounding_is_measured_for_each_variable():
    """The gradient of a bias before batch norm is zero but for rounding, which Adam makes a whole step."""
    found = {seen.name: seen for seen in certified(Classifier).comparisons if seen.step == 3}
    bias, kernel = found["model/0001/bias"], found["model/0006/kernel"]
    assert bias.explained > 0.01 > 100.0 * kernel.explained


def test_a_loop_is_as_it_was():
    def trained(certify: bool) -> gt.Loop:
        np.random.seed(5)
        loop = gt.Loop(make(Classifier), seed=2, progress=False)
        if certify:
            assert loop.certify(labelled()).agree
        loop.run(data := labelled(), steps=5, record=gt.every(steps=2))
        if certify:
            before, state = weights(loop.task), loop.state
            assert loop.certify().agree
            assert identical(weights(loop.task), before)
            assert loop.state == state
        loop.run(data, steps=15, record=gt.every(steps=2))
        return loop

    one, other = trained(False), trained(True)
    assert identical(weights(one.task), weights(other.task))
    timeless = [[{name: row[name] for name in row if name != "seconds"} for row in loop.history.rows] for loop in (one, other)]
    assert timeless[0] == timeless[1]


def test_a_loop_is_as_it_was_after_an_error():
    class Broken(Changed):
        def change(self, loss):
            if in_xla():
                raise LossError("broken.", where="here", got="it", do="mend it.")
            return loss

    loop = gt.Loop(make(Broken), progress=False)
    before, state = weights(loop.task), np.random.get_state()[1].tolist()
    found = loop.certify(labelled())
    assert set(found.failures) == {"xla", "xla-loop"}
    assert "broken" not in found.modes
    assert found.modes == ("eager", "graph")
    assert identical(weights(loop.task), before)
    assert np.random.get_state()[1].tolist() == state


def test_steps_at_the_end_of_an_epoch_are_those_of_the_next():
    loop = gt.Loop(make(PointGan), progress=False)
    loop.run(points(), steps=15)  # one is left
    assert loop.certify(steps=3, modes=("eager", "graph")).steps == 3
    loop.run(points(), steps=3)
    assert loop.state.step == 18


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (DataError, {}),
        (HyperparameterError, {"data": labelled(), "modes": ("graph",)}),
        (HyperparameterError, {"data": labelled(), "modes": ("graph", "graph")}),
        (HyperparameterError, {"data": labelled(), "modes": "graph"}),
        (HyperparameterError, {"data": labelled(), "steps": 0}),
    ],
)
def test_a_wrong_use_ends_in_an_error(error, arguments):
    with pytest.raises(error):
        gt.Loop(make(Classifier), progress=False).certify(**arguments)


def test_the_assertion_names_what_differs():
    with pytest.raises(ModesError, match=r"do not compute the same") as caught:
        assert_modes_agree(lambda: make(Counts), labelled(), modes=("eager", "graph"))
    assert isinstance(caught.value, AssertionError)
    assert "test_certificate.py" in caught.value.where
    assert 'update "model"' in caught.value.got


def test_the_assertion_names_a_mode_that_cannot_run():
    class Calls(Changed):
        def change(self, loss):
            return loss + 0.0 * tf.reshape(tf.numpy_function(np.abs, [loss], tf.float32), [])

    with pytest.raises(ModesError, match="a mode cannot run the step"):
        assert_modes_agree(lambda: make(Calls), labelled(), modes=("graph", "xla"))
    assert_modes_agree(lambda: make(Calls), labelled(), modes=("eager", "graph"))


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.slow
def test_recipes_agree(recipe):
    assert_modes_agree(lambda: small(RECIPES[recipe].task_class), batches(recipe))
