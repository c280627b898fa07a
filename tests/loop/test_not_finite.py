"""A number that is not finite stops the run within the call, and is named; or the update is skipped."""

import json
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import MODES, Classifier, identical, labelled, make, points, weights
from tiny import PointGan as Gan

import gantape as gt
from gantape.errors import NotFiniteError

BAD = 9


def with_a_bad_example(bad: float = np.nan) -> gt.data.ArrayBatches:
    inputs, labels = labelled().arrays
    inputs = inputs.copy()
    inputs[BAD] = bad
    return gt.data.from_arrays((inputs, labels), batch_size=4)


def batch_of(example: int) -> int:
    """The batch of the first epoch that holds an example."""
    return gt.data.shuffled(64, 0, 0).tolist().index(example) // 4


@pytest.mark.parametrize("mode", MODES)
def test_the_run_stops_at_the_step_and_tells_what_was_seen(mode: str, tmp_path: Path) -> None:
    step = batch_of(BAD)
    assert step > 1
    settings = gt.Checkpoints(every=gt.every(steps=1), keep=2)
    loop = gt.Loop(make(Classifier), compiler=gt.StepCompiler(mode), run_dir=tmp_path, checkpoints=settings)
    with pytest.raises(NotFiniteError) as caught:
        loop.run(with_a_bad_example(), steps=16)
    assert caught.value.where == f"step {step}"
    assert caught.value.got.startswith('loss=nan; variables of update "model"')

    seen = json.loads((tmp_path / "failure.json").read_text())
    assert (seen["step"], seen["updates"], seen["report"]) == (step, ["model"], {"loss": "nan"})
    assert BAD in seen["rows"]
    assert seen["rows"] == gt.data.shuffled(64, 0, 0)[4 * step : 4 * step + 4].tolist()
    assert seen["batch"][0]["least"] == "nan"
    assert len(seen["variable_norms"]["model"]) == len(loop.task.model.trainable_variables)
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["status"], record["stopped_by"], record["steps"]) == ("failed", "NotFiniteError", step)

    resumed = gt.Loop.resume(tmp_path, Classifier())
    assert resumed.state.step == step
    assert all(np.isfinite(array).all() for array in weights(resumed.task))


class SteepAtLast(Classifier):
    """A loss that is finite while its gradient is not: √x at 0."""

    def build_loss(self):
        def loss(targets, predictions):
            return tf.reduce_mean(tf.sqrt(0.0 * predictions))

        return loss


@pytest.mark.parametrize("mode", MODES)
def test_a_gradient_that_is_not_finite_is_noticed_in_the_call(mode: str) -> None:
    loop = gt.Loop(make(SteepAtLast), compiler=gt.StepCompiler(mode))
    with pytest.raises(NotFiniteError, match='variables of update "model"') as caught:
        loop.run(labelled(), steps=1)
    assert caught.value.what == "an update has moved variables to values that are not finite."


class Skipping(Classifier):
    def updates(self):
        options = gt.GradientOptions(skip_nonfinite=True)
        return tuple(attrs.evolve(update, gradient_options=options) for update in super().updates())


@pytest.mark.parametrize("mode", MODES)
def test_an_update_that_is_left_out_leaves_no_trace(mode: str) -> None:
    """The same run without that step: batch statistics, optimizer and metrics included."""
    step = batch_of(BAD)
    loop = gt.Loop(make(Skipping), compiler=gt.StepCompiler(mode, steps_per_call=4))
    history = loop.run(with_a_bad_example(), steps=step + 1)
    clean = gt.Loop(make(Skipping), compiler=gt.StepCompiler(mode, steps_per_call=4))
    expected = clean.run(labelled(), steps=step)

    def of_the_model(task: Any) -> list[np.ndarray]:
        return [np.array(variable) for variable in (*task.model.get_weights(), *map(np.array, task.optimizer.variables))]

    assert identical(of_the_model(loop.task), of_the_model(clean.task))
    assert history.last()["skipped"] == pytest.approx(1 / (step + 1))
    assert expected.last()["skipped"] == 0.0
    for name in ("loss", "accuracy"):
        assert history.last()[name] == pytest.approx(expected.last()[name], rel=1e-6)


def test_one_update_of_a_game_can_be_left_out() -> None:
    class Steady(Gan):
        def updates(self):
            first, second = super().updates()
            return attrs.evolve(first, gradient_options=gt.GradientOptions(skip_nonfinite=True)), second

    numbers = np.full_like(points().arrays, np.inf)
    first = gt.data.shuffled(64, 0, 0)[:4]
    numbers[first] = 0.5
    data = gt.data.from_arrays(numbers, batch_size=4)
    loop = gt.Loop(make(Steady), compiler=gt.StepCompiler("eager"))
    loop.run(data, steps=1)
    before = loop.task.discriminator.get_weights()
    history = loop.run(data, steps=3)
    assert identical(before, loop.task.discriminator.get_weights())
    assert history.last()["discriminator/skipped"] == 1.0
    assert "discriminator/loss" not in history.last()
    assert np.isfinite(history.last()["generator/loss"])


def test_what_is_not_finite_is_not_saved(tmp_path: Path) -> None:
    """A variable that no update moves, such as a moving average of inputs."""

    def poison(progress: gt.Progress) -> None:
        layer = next(layer for layer in progress.task.model.layers if isinstance(layer, keras.layers.BatchNormalization))
        layer.moving_variance.assign(np.full(6, np.inf, np.float32))

    loop = gt.Loop(make(Classifier), run_dir=tmp_path, callbacks=[gt.Callback(poison, gt.at(5))])
    with pytest.raises(NotFiniteError, match="moving_variance") as caught:
        loop.run(labelled(), steps=5)
    assert caught.value.where == "the checkpoint of step 5"
    assert gt.Loop.resume(tmp_path, Classifier()).state.step == 1
