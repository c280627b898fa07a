"""The tasks that are written twice: both versions run, and a task takes fewer lines than a `train_step`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from benchmarks.compare_with_train_step import CLASSES, data_of, lines_of_code, make, source
from benchmarks.comparison import gantape_four_updates, keras_four_updates


@pytest.mark.parametrize("name", CLASSES)
def test_a_task_is_shorter(name: Any) -> None:
    assert 10 < lines_of_code(source("gantape", name)) < lines_of_code(source("keras", name))


def test_lines_of_code_are_counted_without_words(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text('"""Words."""\n\n# more\nx = f(\n    1,\n    2,\n)\n\n\ndef g():\n    """Words."""\n    return x\n')
    assert lines_of_code(path) == 6


@pytest.mark.parametrize("name", CLASSES)
def test_both_versions_learn_from_the_same_batches(name: Any) -> None:
    data = data_of(name)
    history = gt.Loop(make("gantape", name), compiler=gt.StepCompiler("eager")).run(data, steps=1)
    assert all(np.isfinite(value) for column, value in history.last().items() if "/" in column)
    model = make("keras", name)
    model.compile(run_eagerly=True)
    batch = data.prepare(tf.nest.map_structure(tf.convert_to_tensor, next(iter(data.examples_in_order()))))
    assert all(np.isfinite(float(value)) for value in model.train_step(batch).values())


def test_a_step_of_the_cycle_gan_is_that_of_the_train_step() -> None:
    """Shared passes, gradients from one state: the same networks and batches give the same weights."""
    model, task = make("keras", "cyclegan"), make("gantape", "cyclegan")
    pairs = [(model.to_a, task.translators[0]), (model.to_b, task.translators[1])]
    check_steps(model, task, [*pairs, (model.judge_a, task.judges[0]), (model.judge_b, task.judges[1])])


def test_a_step_of_four_updates_is_that_of_the_train_step() -> None:
    model, task = keras_four_updates.FourUpdates(), gantape_four_updates.FourUpdates()
    names = ("to_a", "to_b", "judge_a", "judge_b")
    check_steps(model, task, [(getattr(model, name), getattr(task, name)) for name in names])


def check_steps(model: Any, task: gt.Task, pairs: list[tuple[Any, Any]]) -> None:
    """Check that two steps of both leave the same weights in each pair of networks."""
    data = data_of("cyclegan")
    model.compile(run_eagerly=True)
    for one, other in pairs:
        other.set_weights(one.get_weights())
    batch = data.prepare(tf.nest.map_structure(tf.convert_to_tensor, next(iter(data.examples_in_order()))))
    step = gt.Step(task.updates(), 0, task.metrics.update)
    for number in range(2):
        model.train_step(batch)
        step.run([batch], tf.constant(number, tf.int64), step.due(number))
    for one, other in pairs:
        for weight, twin in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(weight, twin, rtol=0, atol=2e-5)
