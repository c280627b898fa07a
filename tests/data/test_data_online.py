"""Data that depends on the training: no batch is made before its step, and a run can be resumed with its state."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape.errors import DataError


class Ages(gt.Task):
    """Its metric is how many steps ago a batch, which holds the step of its making, was made."""

    repeats: int = 1

    def build_model(self):
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def build_optimizer(self):
        return keras.optimizers.SGD(1e-3)

    def build_metrics(self):
        return gt.MetricSet(age=keras.metrics.Mean())

    def updates(self):
        return (gt.Update("model", self.loss, (self.model,), self.optimizer, repeats=self.repeats),)

    def loss(self, batch, rng):
        age = tf.cast(self.optimizer.iterations, tf.float32) - batch[0, 0]
        return gt.Losses({"mean": tf.reduce_mean(self.model(batch / 100.0))}, metrics={"age": (age,)})


@pytest.mark.parametrize("mode", ["eager", "graph", "auto"])
def test_no_batch_is_older_than_its_step(mode: str) -> None:
    task = Ages()
    data = gt.data.online(
        lambda rng: np.full((4, 1), int(task.optimizer.iterations), np.float32), batch_size=4, batches_per_epoch=15
    )
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode), progress=False)
    history = loop.run(data, epochs=2)
    assert [row["age"] for row in history.rows] == [0.0, 0.0]
    assert loop.state.step == 30


def test_a_step_of_several_batches_gets_all_before_it_begins() -> None:
    task = Ages(repeats=3)
    data = gt.data.online(lambda rng: np.full((4, 1), int(task.optimizer.iterations), np.float32), batch_size=4)
    history = gt.Loop(task, compiler=gt.StepCompiler("eager"), progress=False).run(data, steps=4, record=gt.every(steps=4))
    assert history.last()["age"] == 1.0  # 0, 1 and 2 updates after the batches of a step were made


class Walk:
    """Walks on from where it is, by what the model says and a random number."""

    def __init__(self, task: Ages) -> None:
        self.place, self.task = 0.0, task

    def __call__(self, rng: np.random.Generator) -> Any:
        self.place += float(self.task.model(np.full((1, 1), self.place / 100.0, np.float32))[0, 0]) + rng.normal()
        return np.full((4, 1), self.place, np.float32)

    def state(self) -> float:
        return self.place

    def restore(self, state: float) -> None:
        self.place = state


@pytest.mark.parametrize("stateless", [True, False])
def test_a_run_resumes_bit_for_bit(stateless: bool) -> None:
    def run(folder: Path, stops: tuple[int, ...]) -> list[Any]:
        keras.utils.set_random_seed(0)
        task = Ages()
        loop = gt.Loop(task, run_dir=folder, compiler=gt.StepCompiler("eager"), progress=False)
        for steps in stops:
            if loop.state.step:
                task = Ages()
                loop = gt.Loop.resume(folder, task, progress=False)
            walk = Walk(task)
            make = (lambda rng, walk=walk: Walk(walk.task)(rng)) if stateless else walk
            loop.run(gt.data.online(make, batch_size=4, stateless=stateless), steps=steps)
        return [variable.numpy() for variable in task.model.variables]

    with tempfile.TemporaryDirectory() as folder:
        one, other = run(Path(folder, "one"), (9,)), run(Path(folder, "other"), (2, 4, 3))
    for expected, found in zip(one, other, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_cannot_be_is_refused_before_the_first_step(tmp_path: Path) -> None:
    def loop(**options: Any) -> gt.Loop:
        return gt.Loop(Ages(), compiler=gt.StepCompiler("eager"), progress=False, **options)

    data = gt.data.online(lambda rng: np.zeros((4, 1), np.float32), batch_size=4)
    with pytest.raises(DataError, match="stateless=True"):
        loop(run_dir=tmp_path / "run").run(data, steps=1)
    with pytest.raises(DataError, match="never ends"):
        loop().run(data, epochs=1)
    with pytest.raises(DataError, match="cannot be evaluated"):
        loop().run(gt.data.online(lambda rng: np.zeros((4, 1), np.float32), batch_size=4, batches_per_epoch=1), epochs=1).last()
        next(gt.data.online(lambda rng: 0, batch_size=4).examples_in_order())
    with pytest.raises(DataError, match="ZeroDivisionError"):
        loop().run(gt.data.online(lambda rng: 1 / 0, batch_size=4), steps=1)
    with pytest.raises(DataError, match="a function of a random number generator"):
        gt.data.online(iter([1]), batch_size=4)  # type: ignore[arg-type]
