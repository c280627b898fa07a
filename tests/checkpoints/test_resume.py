"""run(n + m) equals run(n), stop, resume, run(m), bit for bit; and a run goes on with nothing but what it began with."""

import csv
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import MODES, Classifier, LazyGan, PointGan, identical, labelled, make, points, weights

import gantape as gt
from gantape.errors import ResumeError, RunDirectoryError, TaskError
from gantape.testing import assert_resumes_exactly

layers = keras.layers
TENS = gt.every(steps=10) | gt.at_end()
NO_SCHEDULE = gt.every(seconds=1e6)


class Everything(PointGan):
    """Batch norm, dropout, a moving average, metrics, two updates of a discriminator."""

    generator_decay: float = 0.9
    discriminator_updates: int = 2

    def build_generator(self):
        return keras.Sequential(
            [keras.Input((self.latent_size,)), layers.Dense(8), layers.BatchNormalization(), layers.ReLU(), layers.Dense(2)]
        )

    def build_discriminator(self):
        return keras.Sequential([keras.Input((2,)), layers.Dense(8, activation="tanh"), layers.Dropout(0.3), layers.Dense(1)])


class DropoutClassifier(Classifier):
    """A classifier whose layers draw random numbers."""

    def build_model(self):
        return keras.Sequential([keras.Input((4,)), layers.Dense(6, activation="relu"), layers.Dropout(0.5), layers.Dense(3)])


@pytest.mark.parametrize("mode", MODES)
def test_a_resumed_run_is_the_whole_run(mode: str) -> None:
    """Stopped in the middle of an epoch (of 8 steps) and of a row (of ten steps)."""
    assert_resumes_exactly(
        lambda: Everything(), points(), steps=25, stops=(13,), compiler=gt.StepCompiler(mode, steps_per_call=4), record=TENS
    )


def test_tasks_of_other_kinds_resume_exactly() -> None:
    eager = gt.StepCompiler("eager")
    assert_resumes_exactly(lambda: LazyGan(), points(), steps=25, stops=(7, 8), compiler=eager, record=TENS)
    assert_resumes_exactly(lambda: DropoutClassifier(), labelled(), steps=21, stops=(5, 16), compiler=eager, record=TENS)


def test_the_helper_notices_what_is_not_resumed() -> None:
    class Forgetful(Classifier):
        def build_loss(self):
            loss, calls = keras.losses.SparseCategoricalCrossentropy(from_logits=True), []

            def drifting(targets, predictions):
                calls.append(1)
                return loss(targets, predictions) * (1.0 + 0.1 * len(calls))

            return drifting

    with pytest.raises(AssertionError, match="Forgetful does not resume exactly"):
        assert_resumes_exactly(lambda: Forgetful(), labelled(), steps=6, stops=(3,), compiler=gt.StepCompiler("eager"))


REGISTRY: list[Any] = []


def test_the_helper_notices_variables_that_no_part_holds() -> None:
    """Nothing is known of the variables that Python uses when a graph calls it."""

    class Counting(Classifier):
        def build_loss(self):
            loss, place = keras.losses.SparseCategoricalCrossentropy(from_logits=True), len(REGISTRY)
            REGISTRY.append(keras.Variable(0.0, trainable=False, name="steps_counted"))

            def counted(targets, predictions):
                tf.py_function(lambda: REGISTRY[place].assign_add(1.0), [], tf.float32)
                return loss(targets, predictions)

            return counted

    with pytest.raises(AssertionError, match="these differ: steps_counted"):
        assert_resumes_exactly(lambda: Counting(), labelled(), steps=4, stops=(2,), compiler=gt.StepCompiler("graph"))


def trained(task: gt.Task, run_dir: Path, steps: int, data: Any = None, **options: Any) -> gt.Loop:
    options = {"checkpoints": gt.Checkpoints(every=NO_SCHEDULE)} | options
    loop = gt.Loop(task, compiler=gt.StepCompiler("eager"), run_dir=run_dir, **options)
    loop.run(data or labelled(), steps=steps)
    return loop


def test_files_of_a_resumed_run_are_those_of_the_whole_run(tmp_path: Path) -> None:
    trained(make(Classifier), tmp_path / "whole", 40)
    trained(make(Classifier), tmp_path / "parts", 20)
    gt.Loop.resume(tmp_path / "parts", Classifier()).run(labelled(), steps=20)

    def rows(run: str) -> list[dict[str, str]]:
        with (tmp_path / run / "metrics.csv").open(newline="") as file:
            return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]

    assert rows("whole") == rows("parts")
    assert [int(row["step"]) for row in rows("parts")] == [16, 32, 40]
    record, whole = (json.loads((tmp_path / run / "run.json").read_text()) for run in ("parts", "whole"))
    same = ("task", "hyperparameters", "seed", "data", "steps", "epochs", "updates", "examples", "status")
    assert {name: record[name] for name in same} == {name: whole[name] for name in same}
    assert record["checkpoints"]["bytes"] > 0


def test_the_fresh_task_gets_everything_back(tmp_path: Path) -> None:
    loop = trained(make(DropoutClassifier), tmp_path, 5)
    fresh = DropoutClassifier()
    resumed = gt.Loop.resume(tmp_path, fresh)
    before_the_end = [
        variable for variable in loop.task.variables if not any(variable is m for m in loop.task.metrics.variables)
    ]
    for variable in before_the_end:
        other = fresh.variables[[v is variable for v in loop.task.variables].index(True)]
        np.testing.assert_array_equal(variable.numpy(), other.numpy())
    assert (resumed.state.step, resumed.state.epoch) == (5, 0)
    assert [name for name, value in zip(fresh.metrics.names, fresh.metrics.result().values(), strict=True) if value] == [
        "accuracy"
    ]


def test_another_mode_and_other_calls_are_allowed(tmp_path: Path) -> None:
    whole = trained(make(PointGan), tmp_path / "whole", 20, points())
    trained(make(PointGan), tmp_path / "parts", 10, points())
    resumed = gt.Loop.resume(tmp_path / "parts", PointGan(), compiler=gt.StepCompiler("graph", steps_per_call=3))
    resumed.run(points(), steps=10)
    for one, other in zip(weights(whole.task)[:12], weights(resumed.task)[:12], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_what_was_chosen_by_auto_is_kept(tmp_path: Path) -> None:
    loop = gt.Loop(make(Classifier), compiler=gt.StepCompiler("auto"), run_dir=tmp_path)
    loop.run(labelled(), steps=4)
    resumed = gt.Loop.resume(tmp_path, Classifier())
    assert resumed.compiler.mode == json.loads((tmp_path / "run.json").read_text())["mode"] != "auto"


class Other(Classifier):
    """Another class of the same networks."""


class Wider(Classifier):
    """Under the name of the other, with another network."""

    def build_model(self):
        return keras.Sequential([keras.Input((4,)), layers.Dense(7), layers.Dense(3)])


Wider.__name__ = "Classifier"


@pytest.mark.parametrize(
    ("task", "error", "says"),
    [
        (lambda: Other(), ResumeError, "Other, where the run is one of Classifier"),
        (lambda: Classifier(learning_rate=0.1), ResumeError, "learning_rate=0.1, the run has 0.05"),
        (lambda: Wider(), RunDirectoryError, "model/0000/kernel: float32[4, 6] in the checkpoint, float32[4, 7] in the task"),
        (lambda: None, ResumeError, "NoneType"),
    ],
    ids=["class", "hyper-parameter", "network", "no task"],
)
def test_another_task_is_refused_with_the_differences(tmp_path: Path, task: Any, error: type[Exception], says: str) -> None:
    trained(make(Classifier), tmp_path, 3)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(error) as caught:
        gt.Loop.resume(tmp_path, task())
    assert says in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (lambda: labelled(batch_size=8), "batch_size=8, the run has 4"),
        (lambda: labelled(examples=60), "examples=60, the run has 64"),
        (lambda: labelled().split(validation=1)[0], "checksum"),
    ],
    ids=["batch size", "examples", "bytes"],
)
def test_other_data_is_refused_with_the_differences(tmp_path: Path, data: Any, says: str) -> None:
    trained(make(Classifier), tmp_path, 3)
    with pytest.raises(ResumeError, match=says):
        gt.Loop.resume(tmp_path, Classifier()).run(data(), steps=1)


def test_a_learning_rate_is_changed_on_purpose(tmp_path: Path) -> None:
    trained(make(Classifier), tmp_path, 3)
    loop = gt.Loop.resume(tmp_path, Classifier(learning_rate=0.01), changed=("learning_rate",))
    assert float(loop.task.optimizer.learning_rate) == pytest.approx(0.01)
    loop.run(labelled(), steps=1)
    assert json.loads((tmp_path / "run.json").read_text())["hyperparameters"] == {
        "precision": "float32",
        "learning_rate": 0.01,
    }
    assert float(gt.Loop.resume(tmp_path, Classifier(learning_rate=0.01)).task.optimizer.learning_rate) == pytest.approx(0.01)
    with pytest.raises(ResumeError, match="learning_rat"):
        gt.Loop.resume(tmp_path, Classifier(learning_rate=0.01), changed=("learning_rat",))


def test_a_learning_rate_that_a_callback_lowered_is_kept(tmp_path: Path) -> None:
    task = make(Classifier)

    def lower(progress: gt.Progress) -> None:
        progress.task.optimizer.learning_rate.assign(0.001)

    trained(task, tmp_path, 3, callbacks=[gt.Callback(lower, gt.at(2))])
    assert float(gt.Loop.resume(tmp_path, Classifier()).task.optimizer.learning_rate) == pytest.approx(0.001)


def test_other_data_on_purpose_begins_an_epoch(tmp_path: Path) -> None:
    trained(make(Classifier), tmp_path, 3)
    loop = gt.Loop.resume(tmp_path, Classifier(), changed=("data",))
    history = loop.run(labelled(examples=20), epochs=1)
    assert (history.last()["step"], history.last()["epoch"]) == (3 + 5, 1)


class Counting(keras.callbacks.Callback):
    """Counts epochs, as early stopping does."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs_seen = 0
        self.begun: list[int] = []
        self.best_weights: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        self.epochs_seen = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begun.append(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs_seen += 1
        self.best_weights = self.model.get_weights()


@pytest.mark.parametrize("steps", [32, 40], ids=["at the end of an epoch", "in the middle of one"])
def test_callbacks_of_keras_go_on_counting(tmp_path: Path, steps: int) -> None:
    task, counting = make(Classifier), Counting()
    trained(task, tmp_path, steps, callbacks=gt.callbacks.from_keras(counting, task.model))
    task, fresh = Classifier(), Counting()
    callbacks = gt.callbacks.from_keras(fresh, task.model)
    gt.Loop.resume(tmp_path, task, callbacks=callbacks).run(labelled(), steps=64 - steps)
    assert (counting.epochs_seen, fresh.epochs_seen) == (2, 4)
    assert fresh.begun == [0, 1, 2, 3]
    assert identical(fresh.best_weights, task.model.get_weights())


def test_variables_that_no_part_holds_are_named(tmp_path: Path) -> None:
    stranger = keras.layers.Dense(3, name="stranger")
    stranger.build((None, 3))

    class Hidden(gt.Task):
        def build_model(self):
            return keras.Sequential([keras.Input((4,)), layers.Dense(3)])

        def build_optimizer(self):
            return keras.optimizers.SGD(0.1)

        def updates(self):
            return (gt.Update("fit", self.fit, (self.model,), self.optimizer),)

        def fit(self, batch, rng):
            return gt.Losses({"size": tf.reduce_mean(stranger(self.model(batch[0])) ** 2)})

    loop = gt.Loop(make(Hidden), run_dir=tmp_path / "run")
    with pytest.raises(TaskError, match="no part of the task holds.*\n.*\n.*kernel"):
        loop.run(labelled(), steps=3)
    assert not (tmp_path / "run" / "run.json").exists()
