"""Names that users choose never hide a column of the history, or one another."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import gantape as gt
from gantape.errors import GantapeError, LossError, MetricError, ScheduleError, TaskError

ONE = tf.constant(1.0)
TAKEN = ("loss", "step", "epoch", "seconds", "split", "added", "skipped", "gradient_norm")
WRONG = (*TAKEN, "", "a/b", "val_loss", 3, None)
DATA = gt.data.from_arrays(np.ones((8, 2), "float32"), batch_size=4)


@pytest.mark.parametrize("name", WRONG)
def test_terms_and_logged_values_have_names_of_their_own(name):
    for losses in ({"terms": {name: ONE}}, {"terms": {"error": ONE}, "logged": {name: ONE}}):
        with pytest.raises(LossError) as caught:
            gt.Losses(**losses)
        assert repr(name) in caught.value.got


@pytest.mark.parametrize("name", [name for name in WRONG if isinstance(name, str)])
def test_metrics_have_names_of_their_own(name):
    with pytest.raises(MetricError, match=r"gantape\.MetricSet"):
        gt.MetricSet(**{name: keras.metrics.Mean()})


@given(st.sets(st.sampled_from(["terms", "metrics", "logged"]), min_size=2))
def test_two_values_of_one_loss_have_two_names(kinds):
    given_twice = {"terms": {"other": ONE}} | {kind: {"same": (ONE,) if kind == "metrics" else ONE} for kind in kinds}
    with pytest.raises(LossError, match="same name"):
        gt.Losses(**given_twice)


class Named(gt.Task):
    term: str = "error"
    update: str = "one"
    metric: str = "level"
    evaluated: str = "error"

    def build_model(self):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def build_metrics(self):
        return gt.MetricSet(**{self.metric: keras.metrics.Mean()})

    def updates(self):
        return (gt.Update(self.update, self.loss, [self.model], self.optimizer),)

    def loss(self, batch, rng):
        error = tf.reduce_mean(self.model(batch) ** 2)
        return gt.Losses({self.term: error, "offset": ONE}, {self.metric: (error,)}, {"examples": tf.shape(batch)[0]})

    def evaluate(self, batch, rng):
        return gt.Losses({self.evaluated: ONE, "offset": ONE})


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("name", ["loss", "added", "skipped", "level", "examples"])
def test_a_task_with_such_a_term_is_refused_before_its_first_step(mode, name):
    task = Named(term=name)
    before = task.model.get_weights()[0].copy()
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode), progress=False)
    with pytest.raises(LossError):
        loop.run(DATA, steps=2)
    assert loop.state.step == 0
    assert np.array_equal(before, task.model.get_weights()[0])


@pytest.mark.parametrize("name", ["a/b", "", "val_"])
def test_updates_have_names_without_a_slash(name):
    with pytest.raises(TaskError, match="Named.updates"):
        Named(update=name)


def test_a_metric_of_evaluation_does_not_hide_a_term():
    with pytest.raises(MetricError, match="level"):
        gt.Loop(Named(evaluated="level"), progress=False).evaluate(DATA)


def test_logged_values_are_means_that_are_not_minimised():
    task = Named()
    row = gt.Loop(task, progress=False).run(DATA, steps=2).last()
    assert row["examples"] == 4.0
    assert row["loss"] == pytest.approx(row["error"] + row["offset"])
    with pytest.raises(LossError, match='logged value "wrong"'):
        gt.Losses({"error": ONE}, logged={"wrong": tf.zeros([2])})
    with pytest.raises(LossError, match='logged value "wrong"'):
        gt.Losses({"error": ONE}, logged={"wrong": "text"})


def test_two_penalties_of_one_name_are_refused():
    class Twice(gt.AdversarialTask):
        latent_size: int = 2

        def build_generator(self):
            return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])

        def build_discriminator(self):
            return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

        def build_penalties(self):
            return gt.losses.R1(1.0), gt.losses.R1(2.0)

    with pytest.raises(LossError, match="same name"):
        gt.Loop(Twice(), progress=False).run(DATA, steps=1)


def test_an_action_records_no_column_of_every_row():
    def measure(progress):
        progress.record("validation", {"epoch": 0.5})

    with pytest.raises(ScheduleError, match="epoch"):
        gt.Loop(Named(), callbacks=[gt.Callback(measure, gt.at_end())], progress=False).run(DATA, steps=1)
    assert issubclass(ScheduleError, GantapeError)
