"""The tasks that are written twice: both versions run, and a task takes fewer lines than a `train_step`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from benchmarks.compare_with_train_step import CLASSES, data_of, lines_of_code, make, source


@pytest.mark.parametrize("game", CLASSES)
def test_a_task_is_shorter(game: Any) -> None:
    assert 10 < lines_of_code(source("gantape", game)) < lines_of_code(source("keras", game))


def test_lines_of_code_are_counted_without_words(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text('"""Words."""\n\n# more\nx = f(\n    1,\n    2,\n)\n\n\ndef g():\n    """Words."""\n    return x\n')
    assert lines_of_code(path) == 6


@pytest.mark.parametrize("game", CLASSES)
def test_both_versions_learn_from_the_same_batches(game: Any) -> None:
    data = data_of(game)
    history = gt.Loop(make("gantape", game), compiler=gt.StepCompiler("eager")).run(data, steps=1)
    assert all(np.isfinite(value) for name, value in history.last().items() if "/" in name)
    model = make("keras", game)
    model.compile(run_eagerly=True)
    batch = data.prepare(tf.nest.map_structure(tf.convert_to_tensor, next(iter(data.examples_in_order()))))
    assert all(np.isfinite(float(value)) for value in model.train_step(batch).values())
