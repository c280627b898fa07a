"""Keras callbacks are right, or refused before the first step."""

import shutil
from typing import Any

import keras
import pytest
from tiny import Classifier, labelled, make

import gantape as gt
from gantape.callbacks import from_keras
from gantape.errors import GantapeWarning, ScheduleError

K = keras.callbacks


class Scheduled(Classifier):
    def build_optimizer(self):
        return keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))


def run_with(callback: Any, task: Any = None, mode: Any = "graph", **options: Any) -> gt.History:
    task = task or make(Classifier)
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode), callbacks=from_keras(callback, task.model))
    return loop.run(labelled(16, 8), **{"validation": labelled(8, 8), "epochs": 2, **options})


def fitted(callback: Any) -> Any:
    task = make(Classifier)
    task.model.compile(task.optimizer, task.loss, metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")])
    task.model.fit(*labelled(16, 8).arrays, batch_size=8, epochs=1, validation_data=labelled(8, 8).arrays, callbacks=[callback])
    return callback


@pytest.mark.parametrize("monitor", ["loss", "val_loss", "accuracy", "val_accuracy"])
@pytest.mark.parametrize("kind", [K.EarlyStopping, K.ReduceLROnPlateau])
def test_the_direction_of_a_metric_is_that_of_fit(kind: Any, monitor: str) -> None:
    ours, theirs = kind(monitor=monitor), fitted(kind(monitor=monitor))
    run_with(ours)
    assert ours.monitor_op is theirs.monitor_op


def test_the_learning_rate_is_that_of_the_update_that_moves_the_model() -> None:
    task = make(Classifier)
    run_with(K.ReduceLROnPlateau(monitor="val_loss", patience=1, min_delta=10.0, factor=0.1), task, epochs=3)
    assert float(task.optimizer.learning_rate) == pytest.approx(0.0005)


@pytest.mark.parametrize(
    ("callback", "options", "said"),
    [
        (lambda: K.EarlyStopping("val_acuracy"), {}, "did you mean 'val_accuracy'"),
        (lambda: K.EarlyStopping("acc", mode="max"), {}, "not recorded"),
        (lambda: K.ModelCheckpoint("x.keras", "val_f1", save_best_only=True, mode="max"), {}, "not recorded"),
        (lambda: K.EarlyStopping("val_loss"), {"validation": None}, "no validation data"),
        (lambda: K.ReduceLROnPlateau(), {"task": Scheduled()}, "follows a schedule"),
        (lambda: K.LearningRateScheduler(lambda epoch: 0.1), {"task": Scheduled()}, "follows a schedule"),
        (lambda: K.BackupAndRestore("backup"), {}, "Loop.resume"),
        (lambda: K.SwapEMAWeights(), {}, "use_ema"),
        (lambda: K.ModelCheckpoint("x.keras", save_freq=5), {}, r"every\(steps=5\)"),
        (lambda: K.TensorBoard("logs", update_freq=5), {}, "every epoch"),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_step(callback: Any, options: Any, said: str) -> None:
    with pytest.raises(ScheduleError, match=said) as caught:
        history = run_with(callback(), **options)
        assert not history.rows
    assert type(callback()).__name__ in caught.value.where


def test_eager_steps_name_what_is_missing_after_an_epoch() -> None:
    for monitor in ("acuracy", "val_acuracy"):
        with pytest.raises(ScheduleError, match="did you mean"):
            run_with(K.EarlyStopping(monitor, mode="max"), mode="eager", epochs=1)


def test_a_term_of_the_loss_can_be_monitored() -> None:
    class WithTerms(Classifier):
        def updates(self):
            (update,) = super().updates()
            return (gt.Update("model", self.terms, (self.model,), update.optimizer),)

        def terms(self, batch, rng):
            losses = self._losses(batch, training=True)
            return gt.Losses({**losses.terms, "half": 0.5 * losses.terms["data"]}, losses.metrics)

    stopping = K.EarlyStopping("half", patience=1, min_delta=100.0)
    assert run_with(stopping, make(WithTerms), epochs=5).stopped_by == "EarlyStopping of Keras"
    with pytest.raises(ScheduleError, match="'half'"):
        run_with(K.EarlyStopping("halves"), make(WithTerms))


def test_a_model_that_no_update_moves() -> None:
    task, other = make(Classifier), keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    loop = gt.Loop(task, callbacks=from_keras(K.LearningRateScheduler(lambda epoch: 0.1), other))
    with pytest.raises(ScheduleError, match="give the optimizer"):
        loop.run(labelled(16, 8), epochs=1)


def test_methods_that_are_never_called_are_named() -> None:
    class Timed(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise AssertionError

        def on_test_end(self, logs=None):
            raise AssertionError

    with pytest.warns(GantapeWarning, match="on_test_end, on_train_batch_begin"):
        from_keras(Timed(), make(Classifier).model)


def plateau(task: Any, **options: Any) -> Any:
    callback = K.ReduceLROnPlateau(monitor="loss", mode="min", factor=0.5, min_delta=10.0, **options)
    return from_keras(callback, task.model)


def rate_after(task: Any) -> float:
    return float(task.optimizer.learning_rate)


def test_a_resumed_callback_goes_on_with_its_state_and_the_arguments_that_it_is_given(tmp_path: Any) -> None:
    whole, stopped = make(Classifier), make(Classifier)
    gt.Loop(whole, callbacks=plateau(whole, patience=1)).run(labelled(16), epochs=4)
    gt.Loop(stopped, run_dir=tmp_path / "run", callbacks=plateau(stopped, patience=1)).run(labelled(16), epochs=2)
    shutil.copytree(tmp_path / "run", tmp_path / "other")
    resumed, patient = Classifier(), Classifier()
    gt.Loop.resume(tmp_path / "run", resumed, callbacks=plateau(resumed, patience=1)).run(labelled(16), epochs=2)
    gt.Loop.resume(tmp_path / "other", patient, callbacks=plateau(patient, patience=9)).run(labelled(16), epochs=2)
    assert rate_after(resumed) == rate_after(whole)
    assert rate_after(patient) == 4.0 * rate_after(whole)
