"""The loop stops where it should, acts when something is due, and writes nothing it was not asked to."""

import re
import threading
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import MODES, Classifier, LazyGan, PointGan, identical, labelled, loop_on, make, points, weights

import gantape as gt
from gantape.errors import DataError, ScheduleError, TaskError
from gantape.steps.losses import Losses


class Diary:
    """An action that keeps what it saw."""

    def __init__(self) -> None:
        self.seen: list[gt.Progress] = []
        self.closed = 0

    def __call__(self, progress: gt.Progress) -> None:
        self.seen.append(progress)

    def close(self) -> None:
        self.closed += 1

    @property
    def steps(self) -> list[int]:
        return [progress.step for progress in self.seen]


@pytest.mark.parametrize("mode", MODES)
def test_stops_after_steps(mode):
    loop = loop_on(mode=mode)
    history = loop.run(labelled(), steps=7)
    assert history.stopped_by == "7 steps"
    assert history.last()["step"] == int(loop.task.optimizer.iterations) == 7


def test_stops_after_epochs():
    loop = loop_on()
    history = loop.run(labelled(examples=22), epochs=3)
    assert history.stopped_by == "3 epochs"
    assert [(row["step"], row["epoch"]) for row in history] == [(5, 1), (10, 2), (15, 3)]
    assert int(loop.task.optimizer.iterations) == 15


def test_stops_after_minutes():
    started = time.perf_counter()
    history = loop_on().run(labelled(), minutes=0.03)
    assert history.stopped_by == "0.03 minutes"
    assert 1.8 <= history.last()["seconds"] <= time.perf_counter() - started
    assert history.last()["step"] > 1


def test_goes_on_where_it_ended():
    loop = loop_on()
    data = labelled(examples=22)
    loop.run(data, steps=3)
    history = loop.run(data, steps=4)
    assert [row["step"] for row in history] == [3, 5, 7]
    assert [row["epoch"] for row in history] == [0, 1, 1]
    assert history.stopped_by == "4 steps"


def test_callbacks_are_called_when_due_whatever_the_size_of_calls():
    for steps_per_call in (1, 4, 32):
        start, threes, named, end = Diary(), Diary(), Diary(), Diary()
        callbacks = [
            gt.Callback(start, gt.at_start()),
            gt.Callback(threes, gt.every(steps=3)),
            gt.Callback(named, gt.at(2, 11)),
            gt.Callback(end, gt.at_end()),
        ]
        loop_on(callbacks=callbacks, steps_per_call=steps_per_call).run(labelled(), steps=11)
        assert [diary.steps for diary in (start, threes, named, end)] == [[0], [3, 6, 9], [2, 11], [11]]
        assert [diary.closed for diary in (start, threes, named, end)] == [1, 1, 1, 1]


def test_progress_counts_steps_updates_and_examples():
    class Repeated(PointGan):
        discriminator_updates: int = 3

    diary = Diary()
    loop = loop_on(Repeated, callbacks=[gt.Callback(diary, gt.every(steps=2))])
    loop.run(points(examples=24), steps=6)
    last = diary.seen[-1]
    assert (last.step, last.updates, last.examples, last.epoch) == (6, 24, 72, 3)
    assert last.fraction_done == 1.0
    assert diary.seen[0].fraction_done == pytest.approx(1 / 3)
    assert last.run_dir is None
    assert last.task is loop.task


def test_batches_that_fill_no_step_end_the_epoch():
    class Repeated(PointGan):
        discriminator_updates: int = 3

    history = loop_on(Repeated).run(points(examples=28), epochs=2)
    assert [(row["step"], row["epoch"]) for row in history] == [(2, 1), (4, 2)]


def test_updates_of_lazy_tasks_are_counted():
    diary = Diary()
    loop = loop_on(LazyGan, callbacks=[gt.Callback(diary, gt.at_end())])
    loop.run(points(), steps=7)
    assert diary.seen[0].updates == 3 + 4  # the discriminator in steps 0, 3, 6, the generator in 0, 2, 4, 6
    assert int(loop.task.discriminator_optimizer.iterations) == 3
    assert int(loop.task.generator_optimizer.iterations) == 4


def test_a_callback_can_stop_the_run_and_the_end_still_happens():
    end = Diary()
    stop = gt.Callback(lambda progress: gt.Stop("enough"), gt.at(5))
    history = loop_on(callbacks=[stop, gt.Callback(end, gt.at_end())]).run(labelled(), epochs=4)
    assert history.stopped_by == "enough"
    assert end.steps == [5]
    assert end.seen[0].state.ended
    assert history.last()["step"] == 5


def test_a_callback_that_raises_ends_the_run_and_every_action_is_closed():
    diary = Diary()

    def fail(progress: gt.Progress) -> None:
        raise OSError("disk full")

    callbacks = [gt.Callback(diary, gt.at_end()), gt.Callback(fail, gt.at(3))]
    with pytest.raises(OSError, match="disk full"):
        loop_on(callbacks=callbacks).run(labelled(), steps=5)
    assert diary.closed == 1


@pytest.mark.parametrize("mode", MODES)
def test_rows_hold_means_since_the_row_before(mode):
    each = loop_on(mode="eager").run(labelled(), steps=8, record=gt.every(steps=1))
    fours = loop_on(mode=mode).run(labelled(), steps=8, record=gt.every(steps=4))
    expected = np.reshape(each.values("loss"), (2, 4)).mean(axis=1)
    np.testing.assert_allclose(fours.values("loss"), expected, rtol=1e-4)
    accuracies = np.reshape(each.values("accuracy"), (2, 4)).mean(axis=1)
    np.testing.assert_allclose(fours.values("accuracy"), accuracies, atol=1e-6)


def test_gradient_norms_are_recorded_on_request_only():
    plain = loop_on(PointGan).run(points(), steps=2)
    asked = loop_on(PointGan, gradient_norms=True).run(points(), steps=2)
    assert not [name for name in plain.columns if "norm" in name]
    assert all(asked.last()[f"{name}/gradient_norm"] > 0 for name in ("discriminator", "generator"))


def test_seed_decides_the_noise_and_the_order():
    results = []
    for seed in (0, 0, 1):
        loop = loop_on(PointGan, seed=seed)
        loop.run(points(), steps=3)
        results.append(weights(loop.task))
    assert identical(results[0], results[1])
    assert not identical(results[0], results[2])


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"steps": 1, "epochs": 1},
        {"steps": 1, "minutes": 1.0},
        {"steps": 0},
        {"steps": -3},
        {"steps": 2.5},
        {"epochs": True},
        {"minutes": float("nan")},
        {"minutes": float("inf")},
        {"minutes": "5"},
    ],
)
def test_rules_for_stopping_that_make_no_sense(rule):
    with pytest.raises(ScheduleError):
        loop_on().run(labelled(), **rule)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"task": Classifier}, TaskError),
        ({"task": None}, TaskError),
        ({"callbacks": [print]}, ScheduleError),
        ({"callbacks": [keras.callbacks.EarlyStopping()]}, ScheduleError),
        ({"seed": 0.5}, ScheduleError),
    ],
)
def test_arguments_of_the_wrong_kind(arguments, error):
    with pytest.raises(error):
        gt.Loop(**({"task": make(Classifier)} | arguments))


@pytest.mark.parametrize("data", [np.zeros((8, 4), "float32"), [1, 2], None, tf.data.Dataset.range(3)])
def test_what_are_no_batches(data):
    with pytest.raises(DataError, match=r"gantape\.data\.from_"):
        loop_on().run(data, steps=1)
    with pytest.raises(DataError, match="validation"):
        loop_on().run(labelled(), validation=data if data is not None else 0, steps=1)


def test_too_few_batches_for_a_step():
    class Hungry(PointGan):
        discriminator_updates: int = 5

    with pytest.raises(DataError, match="4 batches an epoch, 5 a step"):
        loop_on(Hungry).run(points(examples=16), steps=1)
    with pytest.raises(DataError, match="fewer examples than one batch"):
        loop_on().run(labelled(examples=3), steps=1)


def test_a_loop_in_another_thread_runs():
    histories = []
    loop = loop_on()
    thread = threading.Thread(target=lambda: histories.append(loop.run(labelled(), steps=2)))
    thread.start()
    thread.join()
    assert histories[0].stopped_by == "2 steps"


def test_explain_tells_mode_traces_and_updates():
    loop = loop_on(PointGan, mode="xla")
    assert "nothing is traced yet" in loop.explain()
    loop.run(points(), steps=1)
    assert "ms a step" not in loop.explain()  # all of it was compiling
    loop.run(points(), steps=2)
    (speed,) = re.findall(r"^(\S+) ms a step, (\S+) steps per second in the newest run", loop.explain(), re.MULTILINE)
    milliseconds, per_second = (float(number.replace(",", "")) for number in speed)
    assert milliseconds * per_second == pytest.approx(1000.0, rel=0.02)
    lines = [line.split() for line in loop.explain().splitlines()]
    assert ["generator", "50", "50", "3", "2", "generator"] in lines
    assert ["discriminator", "33", "33", "2", "1", "discriminator"] in lines
    for name in ("generator", "discriminator"):
        assert [name, name, "Adam", "0.01", "4", "every", "step"] in lines
    for words in ("mode xla", "1 trace,", "PointGan(", "variables in all"):
        assert words in loop.explain()
    assert "no findings" in loop.explain(points())


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_metric_that_is_not_in_the_set_is_named(mode):
    class Unknown(Classifier):
        def _training(self, batch, rng):
            losses = super()._training(batch, rng)
            return Losses(losses.terms, {"precision": ()})

    with pytest.raises(gt.errors.MetricError, match="precision"):
        loop_on(Unknown, mode=mode).run(labelled(), steps=1)


def test_auto_trains_as_the_mode_that_it_chose():
    """Trials leave no trace in the training: the weights are those of the chosen mode, bit for bit."""
    auto = loop_on(mode="auto")
    auto.run(labelled(), steps=9)
    (chosen,) = [mode for mode in MODES if f"mode {mode}," in auto.explain()]
    named = loop_on(mode=chosen)
    named.run(labelled(), steps=9)
    assert identical(weights(auto.task), weights(named.task))
