"""Health in words: each rule on histories written by hand, and on GANs that fail on purpose."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import scipy.stats
import tiny
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

import gantape as gt
from gantape import evaluation as ev

STEPS = np.arange(25, 1025, 25)
ROWS = len(STEPS)


def history(**columns: Any) -> list[dict[str, Any]]:
    """Rows of every 25 steps; each column has as many values."""
    return [
        {"step": int(step), "split": "train", **{name.replace("__", "/"): float(values[n]) for name, values in columns.items()}}
        for n, step in enumerate(STEPS)
    ]


def names(rows: list[dict[str, Any]], **options: Any) -> list[str]:
    return [finding.name for finding in ev.diagnose(rows, **options)]


def noise(size: float, seed: int = 0) -> np.ndarray[Any, Any]:
    return size * np.random.default_rng(seed).normal(size=ROWS)


def healthy() -> dict[str, Any]:
    return {
        "real_score": 0.8 + noise(0.2),
        "fake_score": -0.8 + noise(0.2, 1),
        "generator__loss": 1.2 + noise(0.2, 2),
        "discriminator__loss": 0.9 + noise(0.1, 3),
        "generator__gradient_norm": 1.0 + noise(0.1, 4),
        "separation": 0.8 + noise(0.02, 5),
        "diversity": 0.95 + noise(0.02, 6),
        "spacing": 0.8 + noise(0.1, 7),
        "frozen_statistics": np.zeros(ROWS),
        "real_low": -np.ones(ROWS),
        "real_high": np.ones(ROWS),
        "fake_low": -np.ones(ROWS),
        "fake_high": np.ones(ROWS),
    }


FAILING: dict[str, dict[str, Any]] = {
    "the discriminator has won": {"separation": np.linspace(0.5, 1.0, ROWS).clip(max=0.999) ** 0.001},
    "the generator's gradient has vanished": {"generator__gradient_norm": np.geomspace(1.0, 1e-3, ROWS)},
    "mode collapse": {"diversity": np.linspace(1.0, 0.05, ROWS)},
    "diverging": {"real_score": np.geomspace(1.0, 500.0, ROWS)},
    "oscillating": {"fake_score": 3.0 * np.sin(np.arange(ROWS) * 0.8)},
    "wrong image range": {"real_low": np.zeros(ROWS)},
    "`training=True` was forgotten": {"frozen_statistics": np.full(ROWS, 2.0)},
}


def test_nothing_is_found_in_a_healthy_history() -> None:
    assert names(history(**healthy())) == []
    assert names([]) == []


@pytest.mark.parametrize("failure", FAILING)
def test_each_failure_is_found_and_no_other(failure: str) -> None:
    assert names(history(**{**healthy(), **FAILING[failure]})) == [failure]


@given(st.integers(0, 2**31), st.floats(0.1, 10.0))
def test_independent_noise_is_no_oscillation(seed: int, size: float) -> None:
    rows = history(fake_score=noise(size, seed), generator__loss=noise(size, seed + 1))
    assert "oscillating" not in names(rows)


def test_a_finding_says_what_was_seen_and_what_to_try() -> None:
    columns = healthy() | {"separation": np.full(ROWS, 0.995), "generator__gradient_norm": np.geomspace(4.0, 0.1, ROWS)}
    (won, *_) = ev.diagnose(history(**columns))
    assert "with probability 0.995 for 300 steps" in str(won)
    assert "gradient is down" in str(won)
    assert ". Try a lower learning rate" in str(won)


def test_a_file_of_metrics_is_diagnosed_as_the_history_is(tmp_path: Path) -> None:
    """In the file, every value is a text, and a column that a row does not have is empty."""
    rows = history(diversity=np.linspace(1.0, 0.05, ROWS))
    texts = [{name: str(value) for name, value in row.items()} | {"separation": ""} for row in rows]
    assert names(texts) == names(rows) == ["mode collapse"]


def test_samples_of_an_untrained_generator_are_no_collapse() -> None:
    assert names(history(diversity=np.full(ROWS, 0.1))[:10]) == []


def test_copies_of_a_few_images_are_a_collapse_though_they_differ_as_much_as_real_ones() -> None:
    assert names(history(**healthy() | {"spacing": np.linspace(0.5, 0.1, ROWS)})) == ["mode collapse"]
    assert names(history(**healthy() | {"spacing": np.geomspace(1e-3, 0.24, ROWS)})) == []  # they still get more varied


def test_one_class_only_is_a_collapse_too() -> None:
    assert names(history(largest_class=np.linspace(0.1, 0.9, ROWS))) == ["mode collapse"]


def test_samples_in_half_of_the_range_are_found_late_only() -> None:
    narrow = healthy() | {"fake_low": np.zeros(ROWS)}
    assert names(history(**narrow)) == ["wrong image range"]
    assert names(history(**narrow)[:10]) == []  # a generator begins in the middle of its range
    zero_to_one = healthy() | {"real_low": np.zeros(ROWS), "fake_low": np.zeros(ROWS)}
    assert names(history(**zero_to_one), pixels=(0.0, 1.0)) == []


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=20), st.lists(st.integers(-5, 5), min_size=1, max_size=20))
def test_separation_is_the_share_of_pairs_in_order(real: list[int], fake: list[int]) -> None:
    pairs = np.array(real)[:, None] - np.array(fake)[None]
    share = (pairs > 0).mean() + 0.5 * (pairs == 0).mean()
    assert ev.auroc(real, fake) == pytest.approx(max(share, 1.0 - share))
    statistic = scipy.stats.mannwhitneyu(real, fake).statistic / pairs.size
    assert ev.auroc(real, fake) == pytest.approx(max(statistic, 1.0 - statistic))


def test_statistics_of_batch_norm_are_frozen_until_a_training_pass() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    examples = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    model(examples)
    assert ev.frozen_statistics(model) == 1
    model(examples, training=True)
    assert ev.frozen_statistics(model) == 0


def test_a_health_check_adds_rows_and_warns_once() -> None:
    lines: list[str] = []
    task, data = tiny.make(tiny.BatchNormGan), tiny.points()
    check = ev.HealthCheck(data, count=32)
    rules = gt.Callback(check, gt.every(steps=1))
    sink = logger.add(lines.append, format="{message}", level="WARNING")
    logger.enable("gantape")
    try:
        history = gt.Loop(task, compiler=gt.StepCompiler("eager"), callbacks=[rules]).run(data, steps=3)
    finally:
        logger.disable("gantape")
        logger.remove(sink)
    rows = [row for row in history if "separation" in row]
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert all(0.5 <= float(row["separation"]) <= 1.0 for row in rows)
    assert {row["frozen_statistics"] for row in rows} == {0}
    assert "real_low" not in rows[0]  # points have no range of pixels
    assert lines == []


@pytest.mark.filterwarnings("ignore:no pixel of the first batch:gantape.errors.GantapeWarning")
@pytest.mark.parametrize(
    ("failure", "found"),
    [
        ("healthy", None),
        ("collapse", "mode collapse"),
        ("vanishing", "the generator's gradient has vanished"),
        ("vanishing", "the discriminator has won"),
        ("diverging", "diverging"),
        ("oscillating", "oscillating"),
        ("range", "wrong image range"),
        ("training", "`training=True` was forgotten"),
    ],
)
def test_a_gan_that_fails_on_purpose_is_found_out(failure: str, found: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    from reliability.failures import FAILURES

    named = [finding.name for finding in FAILURES[failure].run()]
    assert found in named if found else named == []
