"""Healthy runs raise no alarm and failed ones do: histories of real runs, and real runs."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gantape as gt
from gantape import evaluation as ev
from gantape.evaluation.evidence import Series

# --- histories of real runs, and real runs


def rows(steps: list[int], **columns: list[float]) -> list[dict[str, Any]]:
    named = {name.replace("__", "/"): values for name, values in columns.items()}
    return [{"step": step, "split": "validation"} | {name: v[n] for name, v in named.items()} for n, step in enumerate(steps)]


LOOKS = [50, 100, 150, 200, 250, 300, 350, 400]
"""Of light DCGANs on the embedded digits, as a measuring script saw them."""

HEALTHY = {
    "dcgan": ([1.83, 1.86, 1.65, 1.16, 0.34, 0.15, 0.11, 0.10], [0.26, 0.37, 0.45, 0.47, 0.73, 0.77, 0.81, 0.87]),
    "lsgan": ([1.78, 1.39, 0.80, 0.42, 0.31, 0.30, 0.29, 0.28], [0.17, 0.33, 0.48, 0.60, 0.74, 0.84, 0.89, 0.92]),
    "sngan": ([1.84, 1.58, 0.91, 0.46, 0.34, 0.33, 0.32, 0.31], [0.16, 0.24, 0.35, 0.52, 0.78, 0.90, 0.96, 0.95]),
    "slow dcgan": ([1.91, 1.82, 1.85, 1.80, 1.71, 1.44, 1.31, 1.20], [0.18, 0.35, 0.49, 0.55, 0.57, 0.53, 0.51, 0.48]),
}
FAILED = {
    "seed 1": ([2.14, 2.25, 2.06, 1.49, 0.99, 0.93, 1.01, 1.03], [0.26, 0.38, 0.43, 0.40, 0.26, 0.19, 0.11, 0.14]),
    "seed 3": ([1.87, 1.93, 1.77, 1.63, 1.42, 1.50, 1.45, 1.51], [0.25, 0.36, 0.42, 0.40, 0.32, 0.30, 0.26, 0.20]),
    "joint batch": ([2.01, 2.10, 2.12, 2.15, 2.15, 2.15, 2.17, 2.17], [0.24, 0.35, 0.40, 0.44, 0.50, 0.55, 0.55, 0.54]),
    "high rate": ([1.82, 1.63, 1.52, 1.94, 1.83, 1.66, 1.65, 1.73], [0.29, 0.35, 0.39, 0.57, 0.34, 0.35, 0.30, 0.33]),
}


@pytest.mark.parametrize("separation", [0.7, 1.0])
@pytest.mark.parametrize("run", HEALTHY)
def test_healthy_runs_raise_no_alarm_at_any_look_whatever_the_scores(run: str, separation: float) -> None:
    distance, diversity = HEALTHY[run]
    history = rows(LOOKS, distance=distance, diversity=diversity, separation=[separation] * 8)
    assert [ev.diagnose(history[:looks]) for looks in range(9)] == [()] * 9


def test_a_gradient_that_falls_while_samples_come_nearer_is_healthy() -> None:
    """Of a packed DCGAN: at the first step, samples of an untrained generator get a long gradient."""
    gradient = [22.8, 1.69, 0.76, 0.81, 0.84, 1.58, 1.35, 0.97]
    distance = [2.36, 2.16, 2.08, 1.72, 1.56, 1.08, 0.24, 0.10]
    history = rows([1, *LOOKS[:-1]], sample_gradient=gradient, distance=distance)
    assert [ev.diagnose(history[:looks]) for looks in range(9)] == [()] * 9


@pytest.mark.parametrize("run", FAILED)
def test_failed_runs_are_found_out_within_four_hundred_steps_and_not_before_three_hundred(run: str) -> None:
    distance, diversity = FAILED[run]
    history = rows(LOOKS, distance=distance, diversity=diversity, separation=[0.95] * 8)
    assert ev.diagnose(history)
    assert [ev.diagnose(history[:looks]) for looks in range(6)] == [()] * 6


@given(st.lists(st.floats(0.7, 3.0), min_size=8, max_size=8))
def test_samples_that_halve_their_distance_are_never_said_to_stay_far(rng: list[float]) -> None:
    distance = [2.0 ** -(look / 2.0) * (1.0 + 0.01 * part) for look, part in enumerate(rng)]
    history = rows(LOOKS, distance=distance, separation=[1.0] * 8)
    assert [ev.diagnose(history[:looks]) for looks in range(9)] == [()] * 9


@given(st.floats(0.7, 5.0), st.integers(6, 40))
def test_a_distance_that_does_not_change_has_stalled(distance: float, looks: int) -> None:
    steps = [50 * (look + 1) for look in range(looks)]
    found = [found.name for found in ev.diagnose(rows(steps, distance=[distance] * looks))]
    assert found == ["samples stay far from the data"]
    assert Series(np.array(steps, float), np.full(looks, distance)).has_stalled(0.05)


def test_every_sentence_is_short_and_plain() -> None:
    """The worst case of each rule, in one line of at most 250 characters."""
    steps = [200 * (look + 1) for look in range(40)]
    one = np.ones(40)
    columns = {
        "separation": one, "distance": 2.0 * one, "diversity": 0.1 * one, "latent_diversity": 0.1 * one,
        "largest_class": 0.9 * one,
        "generator__gradient_norm": np.geomspace(1e3, 1e-3, 40), "discriminator__loss": np.geomspace(1.0, 1e6, 40),
        "generator__loss": 30.0 * np.sin(0.8 * np.arange(40)), "frozen_statistics": 12.0 * one,
        "real_low": -0.123456 * one, "real_high": 0.123456 * one, "fake_low": -0.123456 * one, "fake_high": 0.123456 * one,
    }  # fmt: skip
    found = ev.diagnose(rows(steps, **{name: list(map(float, values)) for name, values in columns.items()}))
    assert len(found) == len(ev.RULES) - 1  # samples stay far, but other rules have said why
    for text in map(str, found):
        assert len(text) <= 250, text
        assert text[0] in "ABCDEFGHIJKLMNOPQRSTUVWXYZ`"
        assert text.count(". Try ") == 1
        assert text.endswith(".")


@pytest.mark.filterwarnings("ignore:no pixel of the first batch:gantape.errors.GantapeWarning")
@pytest.mark.parametrize(
    ("failure", "found"),
    [
        ("healthy", []),
        ("vanishing", ["the discriminator has won"]),
        ("collapse", ["mode collapse"]),
        ("range", ["wrong image range"]),
    ],
)
def test_one_callback_finds_out_a_run_that_fails(
    failure: str, found: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from reliability.failures import FAILURES

    way = FAILURES[failure]
    keras.utils.set_random_seed(0)
    task, data = way.task(), way.data()
    loop = gt.Loop(task, callbacks=[ev.watch_health(data)], run_dir=tmp_path / "run", checkpoints=None)
    loop.run(data, steps=way.steps)
    named = {entry["name"] for entry in json.loads((tmp_path / "run/run.json").read_text())["health"]}
    assert named >= set(found) if found else not named  # one failure brings others
