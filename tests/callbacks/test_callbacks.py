"""Callbacks: actions with a schedule, any callback of Keras, and the history on disk."""

import csv
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import Classifier, labelled, make

import gantape as gt
from gantape.callbacks import CSVLogger, from_keras


def progress_of(history: gt.History, state: gt.RunState | None = None) -> gt.Progress:
    """What an action sees, where it looks at the history alone."""
    task: Any = None
    return gt.Progress(task, state or gt.RunState(), 0.0, 0.0, history, None, dict)


def row(step: int, split: str, **values: float) -> dict[str, Any]:
    return {"step": step, "epoch": 0, "seconds": 0.5, "split": split, **values}


class Diary(keras.callbacks.Callback):
    """Writes down what it is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Any]] = []
        self.logs: list[dict[str, float]] = []

    def on_train_begin(self, logs=None):
        self.calls.append(("train begins", None))

    def on_train_end(self, logs=None):
        self.calls.append(("train ends", None))

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(("epoch begins", epoch))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch ends", epoch))
        self.logs.append(dict(logs))

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(("batch ends", batch))


def run_with(callback: Any, task: Any, epochs: int = 2, optimizer: Any = None) -> gt.History:
    loop = gt.Loop(task, compiler=gt.StepCompiler("eager"), callbacks=from_keras(callback, task.model, optimizer))
    return loop.run(labelled(16, 8), validation=labelled(8, 8), epochs=epochs)


def test_a_callback_of_keras_sees_epochs_with_the_names_of_fit() -> None:
    ours, theirs = Diary(), Diary()
    task = make(Classifier)
    with pytest.warns(gt.errors.GantapeWarning, match=r"called once in an epoch(.|\n)*on_train_batch_end"):
        history = run_with(ours, task)
    model = make(Classifier).model
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    inputs, labels = labelled(16, 8).arrays
    model.fit(inputs, labels, 8, 2, callbacks=[theirs], validation_data=(inputs, labels), verbose=0)
    assert [call for call in ours.calls if call[0] != "batch ends"] == [
        call for call in theirs.calls if call[0] != "batch ends"
    ]
    assert [set(logs) for logs in ours.logs] == [set(logs) for logs in theirs.logs]
    assert [logs["loss"] for logs in ours.logs] == history.values("loss")
    assert [logs["val_accuracy"] for logs in ours.logs] == history.values("accuracy", "validation")
    assert [place for name, place in ours.calls if name == "batch ends"] == [1, 1]


def test_early_stopping_of_keras_ends_the_run_and_restores_the_best_weights() -> None:
    task = make(Classifier, learning_rate=1e-9)
    stopping = keras.callbacks.EarlyStopping("val_loss", min_delta=1.0, patience=2, restore_best_weights=True)
    before = task.model.get_weights()
    history = run_with(stopping, task, epochs=50)
    assert history.stopped_by == "EarlyStopping of Keras"
    assert history.last()["epoch"] == 3
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(before[:2], task.model.get_weights()[:2], strict=True))


def test_a_learning_rate_scheduler_of_keras_changes_the_optimizer() -> None:
    task = make(Classifier)
    rates: list[float] = []

    def schedule(epoch: int, rate: float) -> float:
        rates.append(rate)
        return rate / 2.0

    run_with(keras.callbacks.LearningRateScheduler(schedule), task, epochs=3, optimizer=task.optimizer)
    assert rates == pytest.approx([0.05, 0.025, 0.0125])
    assert float(task.optimizer.learning_rate) == pytest.approx(0.00625)


def test_a_checkpoint_of_keras_is_the_model(tmp_path: Path) -> None:
    task = make(Classifier)
    run_with(keras.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.keras")), task)
    loaded = keras.saving.load_model(tmp_path / "2.keras")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.keras", "2.keras"]
    for one, other in zip(loaded.get_weights(), task.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_model_may_stop_once_and_train_again() -> None:
    task = make(Classifier)
    callbacks = from_keras(
        keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: setattr(task.model, "stop_training", True)), task.model
    )
    loop = gt.Loop(task, compiler=gt.StepCompiler("eager"), callbacks=callbacks)
    assert loop.run(labelled(16, 8), epochs=5).last()["epoch"] == 1
    assert loop.run(labelled(16, 8), epochs=5).last()["epoch"] == 2


@pytest.mark.parametrize(
    ("action", "when"),
    [(None, gt.every(steps=1)), (print, None), (print, 100), (print, gt.every), ("print", gt.at_end())],
    ids=["no action", "no schedule", "a number", "a function", "a name"],
)
def test_what_is_no_action_with_a_schedule_is_refused(action: Any, when: Any) -> None:
    with pytest.raises(gt.errors.ScheduleError) as caught:
        gt.Callback(action, when)
    assert caught.value.where == "gantape.Callback"
    assert caught.value.got == f"{action!r}, {when!r}"


rows = st.lists(
    st.builds(
        lambda step, split, values: row(step, split, **values),
        st.integers(0, 99),
        st.sampled_from(["train", "validation"]),
        st.dictionaries(st.sampled_from(["loss", "accuracy", "a,b"]), st.floats(allow_nan=False)),
    ),
    min_size=1,
    max_size=6,
)


def test_the_csv_is_the_history_whenever_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"

    @given(rows=rows, written_after=st.sets(st.integers(0, 5)))
    def law(rows: list[dict[str, Any]], written_after: set[int]) -> None:
        history, action = gt.History(), CSVLogger(path)
        for place, fresh in enumerate(rows):
            history.rows.append(fresh)
            if place in written_after or place == len(rows) - 1:
                action(progress_of(history))
        with path.open(newline="") as file:
            table = csv.DictReader(file)
            read = [{name: value for name, value in line.items() if value} for line in table]
        assert table.fieldnames == history.columns
        assert read == [{name: str(value) for name, value in fresh.items()} for fresh in rows]

    law()


def test_the_csv_is_not_touched_when_there_is_nothing_new(tmp_path: Path) -> None:
    path, history = tmp_path / "metrics.csv", gt.History()
    action = CSVLogger(path)
    action(progress_of(history))
    assert not path.exists()
    history.rows.append(row(1, "train", loss=0.5))
    action(progress_of(history))
    written = path.stat().st_mtime_ns
    time.sleep(0.01)
    action(progress_of(history))
    assert path.stat().st_mtime_ns == written


def test_what_an_action_records_reaches_the_file_when_the_run_is_over(tmp_path: Path) -> None:
    """The file had its turn before the action's last row."""

    def measure(progress: gt.Progress) -> None:
        progress.record("validation", {"sharpness": float(progress.step)})

    callbacks = [gt.Callback(measure, gt.every(steps=1) | gt.at_end())]
    loop = gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"), callbacks=callbacks, run_dir=tmp_path / "run")
    history = loop.run(labelled(16, 8), steps=2)
    assert history.values("sharpness", "validation") == [1.0, 2.0]
    with (tmp_path / "run" / "metrics.csv").open() as file:
        written = [line["sharpness"] for line in csv.DictReader(file)]
    assert [float(value) for value in written if value] == [1.0, 2.0]
