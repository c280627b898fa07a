"""Validation on a schedule of its own."""

from typing import Any

import keras
import pytest
from tiny import Classifier, labelled, loop_on, make

import gantape as gt


def places(history: gt.History, split: str) -> list[Any]:
    return [row["step"] for row in history if row["split"] == split]


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_validation_is_due_when_it_is_due(mode: Any) -> None:
    loop = loop_on(Classifier, mode)
    history = loop.run(labelled(16), validation=labelled(8), steps=10, record=gt.every(steps=4), validate=gt.every(steps=3))
    assert places(history, "train") == [4, 8]
    assert places(history, "validation") == [3, 6, 9]


def test_rows_of_training_do_not_depend_on_validation() -> None:
    runs = [
        loop_on().run(labelled(16), validation=labelled(8), steps=9, record=gt.every(steps=3), validate=validate)
        for validate in (None, gt.every(steps=2))
    ]
    assert runs[0].values("loss") == runs[1].values("loss")
    assert runs[0].values("loss", "validation") != runs[1].values("loss", "validation")


def test_both_kinds_of_rows_are_in_the_file(tmp_path: Any) -> None:
    loop_on(run_dir=tmp_path).run(
        labelled(16), validation=labelled(8), steps=6, record=gt.every(steps=3), validate=gt.every(steps=2)
    )
    rows = (tmp_path / "metrics.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 + 3


def test_a_resumed_run_validates_when_one_run_does(tmp_path: Any) -> None:
    schedules: dict[str, Any] = {"record": gt.every(steps=4), "validate": gt.every(steps=3), "validation": labelled(8)}
    whole = loop_on().run(labelled(16), steps=10, **schedules)
    loop_on(run_dir=tmp_path).run(labelled(16), steps=5, **schedules)
    resumed = gt.Loop.resume(tmp_path, make(Classifier)).run(labelled(16), steps=5, **schedules)
    for split in ("train", "validation"):
        assert places(resumed, split) == places(whole, split)
        assert resumed.values("loss", split) == whole.values("loss", split)


def test_validation_without_data_is_refused() -> None:
    with pytest.raises(gt.errors.ScheduleError, match="no data to validate on"):
        loop_on().run(labelled(16), steps=1, validate=gt.every(steps=1))


def test_the_best_checkpoint_is_that_of_a_validation_between_rows(tmp_path: Any) -> None:
    checkpoints = gt.Checkpoints(best=gt.Best("loss", split="validation"))
    loop = loop_on(run_dir=tmp_path, checkpoints=checkpoints)
    history = loop.run(labelled(16), validation=labelled(8), steps=8, record=gt.at_end(), validate=gt.every(steps=2))
    task = make(Classifier)
    state = gt.load_best(tmp_path, task)
    losses = {row["step"]: row["loss"] for row in history if row["split"] == "validation"}
    assert state.step == min(losses, key=lambda step: losses[step])
    assert gt.Loop(task).evaluate(labelled(8))["loss"] == pytest.approx(losses[state.step])


def test_a_keras_callback_does_not_see_an_old_validation() -> None:
    seen: list[dict[str, float]] = []
    task = Classifier()
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs)))
    loop = gt.Loop(task, callbacks=gt.callbacks.from_keras(watch, task.model))
    loop.run(labelled(16), validation=labelled(8), epochs=4, validate=gt.every(epochs=2))
    assert ["val_loss" in logs for logs in seen] == [False, True, False, True]
