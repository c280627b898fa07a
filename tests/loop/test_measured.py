"""A row holds a metric if a loss gave it something since the last row, and a metric that never gets anything is named."""

import warnings

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import MODES, Classifier, LazyGan, PointGan, labelled, make, points

import gantape as gt
from gantape.errors import GantapeWarning


class Unfed(PointGan):
    """Declares a metric that no loss gives arguments."""

    def build_metrics(self):
        return gt.MetricSet(real_score=keras.metrics.Mean(), spread=keras.metrics.Mean())

    def evaluate(self, batch, rng):
        return gt.Losses({"level": tf.reduce_mean(batch)}, metrics={"spread": (batch,)})


class OwnLoss(PointGan):
    """Overrides the loss that gives gantape's own metrics their arguments."""

    def discriminator_loss(self, batch, rng):
        fake = self.generator(self.latents(len(batch), rng), training=True)
        real, fake = (self.discriminator(examples, training=True) for examples in (batch, fake))
        return gt.Losses({"distance": tf.reduce_mean(fake) - tf.reduce_mean(real) + tf.reduce_mean(real**2 + fake**2)})


class LazyScores(LazyGan):
    """The discriminator, and with it both scores, in every third step."""


class Zeros(Classifier):
    """A metric whose value and state after the first updates are those of its beginning."""

    def build_metrics(self):
        return gt.MetricSet(found=keras.metrics.TruePositives(), level=gt.OutputMetric(keras.metrics.Sum()))


@pytest.mark.parametrize("mode", MODES)
def test_a_metric_that_no_loss_feeds_is_named_once_and_not_recorded(mode):
    loop = gt.Loop(make(Unfed), compiler=gt.StepCompiler(mode), progress=False)
    with pytest.warns(GantapeWarning, match="gets no arguments from any loss of training") as given:
        history = loop.run(points(), steps=4, record=gt.every(steps=2))
    assert len(given) == 1
    assert "spread" in str(given[0].message)
    assert "real_score" not in str(given[0].message)
    assert "real_score" in history.columns
    assert "spread" not in history.columns


def test_evaluation_has_the_metrics_that_evaluate_feeds():
    data = points()
    found = gt.Loop(make(Unfed), progress=False).evaluate(data)
    assert found.keys() == {"loss", "spread"}
    assert found["spread"] == pytest.approx(data.arrays.mean(), rel=1e-5)


def test_a_metric_of_evaluation_that_nothing_feeds_is_named():
    class Evaluated(Unfed):
        def build_metrics(self):
            return gt.MetricSet()

        def build_evaluation_metrics(self):
            return gt.MetricSet(spread=keras.metrics.Mean(), other=keras.metrics.Mean())

    loop = gt.Loop(make(Evaluated), progress=False)
    with pytest.warns(GantapeWarning, match=r"loss of evaluation(.|\n)*build_evaluation_metrics(.|\n)*other") as given:
        found = [loop.evaluate(points()) for _ in range(2)]
    assert len(given) == 1
    assert found[0].keys() == {"loss", "spread"}


def test_a_task_with_losses_of_its_own_has_no_scores_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", GantapeWarning)
        history = gt.Loop(make(OwnLoss), progress=False).run(points(), steps=2)
    assert {"real_score", "fake_score"}.isdisjoint(history.columns)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_row_without_an_update_has_neither_its_loss_nor_its_metrics(mode):
    loop = gt.Loop(make(LazyScores), compiler=gt.StepCompiler(mode), progress=False)
    rows = loop.run(points(), steps=6, record=gt.every(steps=1)).rows
    for row in rows:
        assert ("real_score" in row) == ("discriminator/loss" in row) == ((row["step"] - 1) % 3 == 0)


def test_a_measured_zero_is_recorded():
    labels = np.zeros(8, "int64")
    data = gt.data.from_arrays((labelled(8).arrays[0], labels), batch_size=4)

    class Negative(Zeros):
        def build_model(self):
            return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1), keras.layers.Lambda(lambda x: x * 0.0)])

        def build_loss(self):
            return lambda targets, predictions: tf.reduce_mean(predictions)

    row = gt.Loop(make(Negative), progress=False).run(data, epochs=1).last()
    assert row["found"] == 0.0
    assert row["level"] == 0.0


def test_a_resumed_run_has_the_metrics_of_one_in_one_go(tmp_path):
    when, eager = gt.every(steps=2), gt.StepCompiler("eager")
    whole = gt.Loop(make(LazyScores), compiler=eager, progress=False).run(points(), steps=6, record=when).rows
    assert ["real_score" in row for row in whole] == [True, True, False]
    for stop in (1, 5):
        run_dir = tmp_path / str(stop)
        gt.Loop(make(LazyScores), compiler=eager, run_dir=run_dir, progress=False).run(points(), steps=stop, record=when)
        rows = gt.Loop.resume(run_dir, make(LazyScores), progress=False).run(points(), steps=6 - stop, record=when).rows
        assert [_values(row) for row in rows] == [_values(row) for row in whole]


@pytest.mark.filterwarnings("ignore::gantape.errors.GantapeWarning")
def test_a_resumed_run_that_makes_no_step_records_what_it_has_restored(tmp_path):
    run_dir = tmp_path / "run"
    loop = gt.Loop(make(Unfed), run_dir=run_dir, progress=False)
    whole = loop.run(points(), steps=2, record=gt.every(steps=2)).last()
    other = tmp_path / "other"
    gt.Loop(make(Unfed), run_dir=other, progress=False).run(points(), steps=2, record=gt.every(steps=5))
    resumed = gt.Loop.resume(other, make(Unfed), progress=False).finish(points(), record=gt.at_end()).last()
    assert _values(resumed) == _values(whole)


def test_a_row_of_skipped_updates_has_no_metrics():
    class Broken(Classifier):
        def build_loss(self):
            return lambda targets, predictions: tf.reduce_mean(predictions) * float("nan")

        def updates(self):
            (update,) = super().updates()
            return (attrs.evolve(update, gradient_options=gt.GradientOptions(skip_nonfinite=True)),)

    row = gt.Loop(make(Broken), progress=False).run(labelled(), steps=2).last()
    assert row["skipped"] == 1.0
    assert "accuracy" not in row


def _values(row):
    return {name: value for name, value in row.items() if name != "seconds"}
