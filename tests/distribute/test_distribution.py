"""Training on several devices is training on one."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from replicas import CASES, counts_of, points

import gantape as gt
from gantape.commands.recipes import FOLDER_RECIPES, RECIPES
from gantape.distribute.replicas import Replica
from gantape.errors import HyperparameterError
from gantape.random import rng as noise_module

ROOT = Path(__file__).parents[2]
REPLICAS = ROOT / "tests/helpers/replicas.py"
IN_NOISE = 1e-7
"""Normal numbers are made in float32, and their last bit depends on how many are made at once: vectors or single numbers."""
RESUMED = ("2-1", "2-4", "0-2")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The weights of every case, by its name and number of replicas, in float64; and what else is known."""
    file = tmp_path_factory.mktemp("replicas") / "results.npz"
    done = subprocess.run([sys.executable, REPLICAS, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    weights: dict[str, dict[str, Any]] = {}
    for name, value in np.load(file).items():
        case, _, weight = name.rpartition("|")
        weights.setdefault(case, {})[weight] = value
    return weights, json.loads(file.with_suffix(".json").read_text())


def assert_alike(one: dict[str, Any], other: dict[str, Any], tolerance: float = 1e-9) -> None:
    """The same names, and values within a tolerance of float64."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize(("case", "replicas"), [(case, count) for case in CASES for count in counts_of(case)])
def test_replicas_learn_what_one_device_learns(found: Any, case: str, replicas: int) -> None:
    weights, others = found
    assert_alike(weights[f"{case}|0"], weights[f"{case}|{replicas}"], IN_NOISE if CASES[case][1] is points else 1e-9)
    # What is reported is summed up in float32.
    assert_alike(others["rows"][f"{case}|0"], others["rows"][f"{case}|{replicas}"], 1e-5)


def test_weights_have_moved(found: Any) -> None:
    weights, _ = found
    for case in CASES:
        assert any(np.abs(value).max() > 1e-3 for value in weights[f"{case}|0"].values())
    assert any((a != b).any() for a, b in zip(weights["supervised|0"].values(), weights["skipping|0"].values(), strict=False))


@pytest.mark.parametrize("how", ["eager", "one device"])
def test_other_ways_to_run_replicas(found: Any, how: str) -> None:
    weights, _ = found
    assert_alike(weights["supervised|0"], weights[f"supervised|{how}"])


def test_loss_scales_of_all_replicas_fall_together(found: Any) -> None:
    """Two of eight updates overflow, in one replica: the scale is halved twice."""
    _, others = found
    scale, halved = float(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()).initial_scale), 2.0**-2
    assert others["rows"]["half|0"]["scale"] == [scale * halved]
    assert others["rows"]["half|2"] == {name: 2 * copies for name, copies in others["rows"]["half|0"].items()}


@pytest.mark.parametrize("replicas", [0, 2, 4])
def test_each_example_is_seen_once_an_epoch(found: Any, replicas: int) -> None:
    weights, _ = found
    np.testing.assert_array_equal(weights[f"counting|{replicas}"]["seen.0"], np.ones(16))


@pytest.mark.parametrize("change", RESUMED)
def test_a_run_goes_on_with_another_number_of_replicas(found: Any, change: str) -> None:
    weights, _ = found
    assert_alike(weights["averaged and clipped|0"], weights[f"resumed|{change}"], IN_NOISE)


@pytest.mark.parametrize("replicas", [2, 4])
def test_evaluation_counts_each_example_once(found: Any, replicas: int) -> None:
    _, others = found
    assert_alike(others["rows"]["evaluated|0"], others["rows"][f"evaluated|{replicas}"], 1e-6)


@pytest.mark.parametrize(
    ("wrong", "answer"),
    [
        ("made outside", "TaskError: a task for several devices is made in the scope"),
        ("made inside", "TaskError: a task that was made in the scope of a strategy"),
        ("xla", "HyperparameterError: steps of several replicas are not compiled by XLA"),
        ("unknown strategy", "HyperparameterError: this is not a strategy that gantape can train with"),
        ("odd batch", "DataError: a batch cannot be cut into equal parts"),
    ],
)
def test_wrong_uses_have_one_clear_answer(found: Any, wrong: str, answer: str) -> None:
    _, others = found
    assert others["errors"][wrong].startswith(answer)


@pytest.mark.parametrize("strategy", ["MirroredStrategy", 2, tf.distribute.MirroredStrategy])
def test_a_strategy_is_an_instance(strategy: Any) -> None:
    with pytest.raises(HyperparameterError, match="not a strategy"):
        gt.StepCompiler(strategy=strategy)


@given(
    rows=st.integers(1, 5), width=st.integers(1, 7), count=st.sampled_from([2, 3, 4, 8]), name=st.text(max_size=5),
    step=st.integers(0, 10**6),
)  # fmt: skip
def test_replicas_draw_their_rows_of_the_whole_batch(rows: int, width: int, count: int, name: str, step: int) -> None:
    rng = gt.RandomStreams(5, step)
    draws = (
        lambda rows: rng.bits(name, [rows, width]),
        lambda rows: rng.normal(name, tf.constant([rows, width])),
        lambda rows: rng.uniform(name, [rows]),
        lambda rows: rng.integers(name, [rows, 1, width], 10),
    )
    with pytest.MonkeyPatch.context() as patch:
        whole = [draw(rows * count) for draw in draws]
        parts = []
        for index in range(count):
            patch.setattr(noise_module, "this_replica", lambda index=index: Replica(index, count))
            parts.append([draw(rows) for draw in draws])
            assert rng.uniform(name, []) == gt.RandomStreams(5, step, whole=True).uniform(name, [])
    for place, expected in enumerate(whole):
        np.testing.assert_allclose(
            tf.concat([part[place] for part in parts], 0), expected, rtol=0.0, atol=1e-6 if place == 1 else 0.0
        )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "steps"), [*((name, 100) for name in RECIPES), *((name, 20) for name in FOLDER_RECIPES)])
def test_every_recipe_runs_on_two_replicas_with_one_trace(name: str, steps: int) -> None:
    paths = os.pathsep.join([str(ROOT / "scripts"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, REPLICAS, "recipe", name, str(steps)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    row = json.loads(done.stdout)
    assert row["step"] == steps
    assert all(math.isfinite(value) for value in row.values() if isinstance(value, float))
