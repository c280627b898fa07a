"""Steps that run without TensorFlow: the same training as in gantape, to rounding, and variables that come back."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import gantape as gt
from gantape.tasks.holdings import holdings_of
from portable import write_steps

pytest.importorskip("jax", reason="portable steps are run by JAX, which is not installed")

RUNNER = Path(write_steps.__file__).parent / "run_steps.py"
STEPS = 5


def make(name: str, **options: Any) -> Any:
    keras.utils.set_random_seed(0)
    return write_steps.TASKS[name](**options)  # type: ignore[index]


def data_of(task: Any) -> gt.data.ArrayBatches:
    supervised = isinstance(task, gt.SupervisedTask)
    return gt.data.digits(batch_size=8, labels=supervised, pixels=(0.0, 1.0) if supervised else task.pixels)


def learnt(task: gt.Task) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.asarray(value.numpy(), np.float64) for name, value in holdings_of(task).variables.items()}


@pytest.mark.parametrize(
    ("name", "options", "by"),
    [
        ("classifier", {"hidden_units": 8}, "loop"),
        ("dcgan", {"width": 4, "hidden_units": 16}, "loop"),
        pytest.param("wgan-gp", {"width": 4}, "step", marks=pytest.mark.slow),
        pytest.param("dcgan", {"width": 4}, "step", marks=pytest.mark.slow),
        pytest.param("wgan-gp", {"width": 4}, "loop", marks=pytest.mark.slow),
        pytest.param("guide", {}, "step", marks=pytest.mark.slow),
        pytest.param("guide", {}, "loop", marks=pytest.mark.slow),
    ],
)
def test_training_is_that_of_gantape(name: str, options: dict[str, Any], by: str, tmp_path: Path) -> None:
    task, new = make(name, **options), learnt(make(name, **options))
    write_steps.write_steps(task, data_of(task), tmp_path, batches=8 * STEPS)
    command = [sys.executable, str(RUNNER), str(tmp_path), "--steps", str(STEPS), "--by", by]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    write_steps.load_variables(task, tmp_path / "final.npz")

    trained = make(name, **options)
    loop = gt.Loop(trained, compiler=gt.StepCompiler("xla"), progress=False)
    history = loop.run(data_of(trained), steps=STEPS, record=gt.every(steps=1))
    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == STEPS
    for row, expected in zip(rows, history, strict=True):
        for column, value in row.items():
            assert float(value) == pytest.approx(expected[column], rel=1e-4, abs=1e-5)
    ours, theirs = learnt(trained), learnt(task)
    moved = {key: value - new[key] for key, value in ours.items() if "metrics" not in key and np.any(value != new[key])}
    assert len(moved) > 5
    for key, move in moved.items():
        assert np.linalg.norm(theirs[key] - ours[key]) <= 0.02 * np.linalg.norm(move) + 1e-6, key
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["steps"] == STEPS
    assert result["steps_per_second"] > 0.0


def test_the_runner_knows_the_format_and_needs_no_tensorflow() -> None:
    text = RUNNER.read_text()
    assert f"\nFORMAT = {write_steps.FORMAT}\n" in text
    imported = {line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= {*sys.stdlib_module_names, "jax", "numpy"}
    assert "allow_pickle=False" in text


def test_steps_that_differ_are_refused(tmp_path: Path) -> None:
    class Lazy(gt.SupervisedTask):
        def build_model(self) -> Any:
            return keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])

        def build_optimizer(self) -> Any:
            return keras.optimizers.SGD(0.1)

        def build_loss(self) -> Any:
            return keras.losses.MeanSquaredError()

        def updates(self) -> Any:
            (update,) = super().updates()
            return (gt.Update("model", update.loss, update.variables, update.optimizer, every=2),)

    data = gt.data.from_arrays((np.zeros([8, 2], np.float32), np.zeros([8, 1], np.float32)), batch_size=4)
    with pytest.raises(ValueError, match="all alike"):
        write_steps.write_steps(Lazy(), data, tmp_path)


def test_variables_of_another_task_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "final.npz", other=np.zeros(2))
    with pytest.raises(ValueError, match="no variables other"):
        write_steps.load_variables(make("classifier"), tmp_path / "final.npz")
