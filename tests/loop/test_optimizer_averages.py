"""An optimizer's own moving average (`use_ema`) is in the model after a run, as `fit` leaves it, and not in the next run."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tiny import PointGan, make, points

import gantape as gt

numbers = np.random.default_rng(0)
inputs = numbers.normal(size=(32, 3)).astype("float32")
targets = inputs @ np.array([[1.0], [2.0], [-1.0]], "float32")
data = gt.data.from_arrays((inputs, targets), batch_size=32)


class Averaged(gt.SupervisedTask):
    overwrite: int = 0
    algorithm: str = "SGD"
    accumulate: int = 0

    def build_model(self):
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="zeros")])

    def build_optimizer(self):
        options = {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": self.overwrite or None}
        options["gradient_accumulation_steps"] = self.accumulate or None
        return getattr(keras.optimizers, self.algorithm)(0.05, **options)

    def build_loss(self):
        return keras.losses.MeanSquaredError()


def kernel(task: Any) -> np.ndarray:
    return np.array(task.model.get_weights()[0])


@pytest.mark.parametrize("mode", ["eager", "graph", "xla-loop"])
@pytest.mark.parametrize(("overwrite", "algorithm"), [(0, "SGD"), (3, "SGD"), (0, "AdamW")])
def test_a_run_leaves_what_fit_leaves(mode: Any, overwrite: int, algorithm: str) -> None:
    task, theirs = Averaged(overwrite=overwrite, algorithm=algorithm), Averaged(overwrite=overwrite, algorithm=algorithm)
    gt.Loop(task, compiler=gt.StepCompiler(mode)).run(data, steps=7)
    theirs.model.compile(theirs.optimizer, "mse")
    theirs.model.fit(inputs, targets, batch_size=32, epochs=7, shuffle=False, verbose=0)
    np.testing.assert_allclose(kernel(task), kernel(theirs), rtol=1e-5)


def test_averages_are_written_if_the_optimizer_accumulates_gradients() -> None:
    task, theirs = Averaged(accumulate=2), Averaged(accumulate=2)
    gt.Loop(task, compiler=gt.StepCompiler("eager")).run(data, steps=6)
    theirs.model.compile(theirs.optimizer, "mse", run_eagerly=True)
    theirs.model.fit(inputs, targets, batch_size=32, epochs=6, shuffle=False, verbose=0)
    np.testing.assert_allclose(kernel(task), kernel(theirs), rtol=1e-5)


def test_runs_one_after_the_other_are_one_run() -> None:
    whole, parts = Averaged(), Averaged()
    gt.Loop(whole).run(data, steps=6)
    loop = gt.Loop(parts)
    loop.run(data, steps=4)
    middle = kernel(parts)
    loop.run(data, steps=2)
    np.testing.assert_array_equal(kernel(whole), kernel(parts))
    assert not np.array_equal(middle, kernel(parts))


def test_weights_that_are_set_between_two_runs_are_kept() -> None:
    task = Averaged()
    loop = gt.Loop(task)
    loop.run(data, steps=4)
    task.model.set_weights([np.full((3, 1), 5.0, "float32"), np.zeros(1, "float32")])
    seen: list[np.ndarray] = []
    loop.callbacks = (gt.Callback(lambda progress: seen.append(kernel(progress.task)), gt.at_start()),)
    loop.run(data, steps=1)
    assert (seen[0] == 5.0).all() or not seen


def test_a_resumed_run_continues_with_the_weights_themselves(tmp_path: Path) -> None:
    whole, first, second = Averaged(), Averaged(), Averaged()
    gt.Loop(whole).run(data, steps=6)
    gt.Loop(first, run_dir=tmp_path).run(data, steps=4)
    loop = gt.Loop.resume(tmp_path, second)
    assert not np.array_equal(kernel(first), kernel(second))
    loop.run(data, steps=2)
    np.testing.assert_array_equal(kernel(whole), kernel(second))


def test_end_callbacks_see_the_average() -> None:
    seen: list[np.ndarray] = []
    task = Averaged()
    note = gt.Callback(lambda progress: seen.append(kernel(progress.task)), gt.at_end())
    loop = gt.Loop(task, callbacks=[note])
    loop.run(data, minutes=0.01)
    np.testing.assert_array_equal(seen[-1], kernel(task))


def test_the_optimizer_of_a_generator_in_half_precision() -> None:
    class AveragedGan(PointGan):
        def build_generator_optimizer(self):
            return keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5)

    task = make(AveragedGan, precision="mixed_float16")
    before = [np.array(weight) for weight in task.generator.get_weights()]
    gt.Loop(task).run(points(), steps=3)
    inner: Any = task.generator_optimizer
    averages = [np.array(average) for average in inner.inner_optimizer._model_variables_moving_average]
    after = [np.array(weight) for weight in task.generator.get_weights()]
    assert all(map(np.array_equal, averages, after))
    assert not all(map(np.array_equal, before, after))
