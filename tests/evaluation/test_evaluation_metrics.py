"""Metrics of features: closed forms, references in NumPy and SciPy, baselines, and sets that break careless code."""

import itertools
import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger
from strategies import seeds

from gantape import evaluation as ev
from gantape.errors import DataError, RangeError, ShapeError
from gantape.evaluation import neighbours

NONE = ev.Bootstrap(resamples=2)


def gaussian(count: int, features: int = 4, *, seed: int = 0, shift: float = 0.0, scale: float = 1.0) -> np.ndarray[Any, Any]:
    return shift + scale * np.random.default_rng(seed).normal(size=(count, features))


def with_moments(count: int, mean: np.ndarray[Any, Any], covariance: np.ndarray[Any, Any], seed: int) -> np.ndarray[Any, Any]:
    """Examples with exactly this mean and this covariance (with n-1)."""
    raw = gaussian(count, len(mean), seed=seed)
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    return white @ np.linalg.cholesky(covariance).T + mean


TWO_SETS = [
    ev.frechet_distance,
    ev.kernel_distance,
    lambda real, fake: ev.precision_recall(real, fake)[0],
    lambda real, fake: ev.density_coverage(real, fake)[0],
]


# Fréchet distance


def test_frechet_of_diagonal_gaussians_is_known_in_closed_form() -> None:
    """‖μ₁ - μ₂‖² + Σ (σ₁ - σ₂)²."""
    one = with_moments(50, np.array([0.0, 1.0, 2.0]), np.diag([1.0, 4.0, 9.0]), seed=0)
    other = with_moments(70, np.array([3.0, 1.0, 0.0]), np.diag([4.0, 1.0, 9.0]), seed=1)
    measured = ev.frechet_distance(one, other, bootstrap=None)
    assert measured.value == pytest.approx(9.0 + 4.0 + 1.0 + 1.0)
    assert measured.count == 70
    assert measured.interval == (measured.value, measured.value)


@given(seeds)
def test_frechet_equals_the_formula_with_scipys_root(seed: int) -> None:
    one, other = (
        gaussian(40, 5, seed=seed),
        gaussian(30, 5, seed=seed + 1, shift=0.5, scale=2.0) @ gaussian(5, 5, seed=seed + 2),
    )
    first, second = np.cov(one.T), np.cov(other.T)
    root = np.real(scipy.linalg.sqrtm(first @ second))
    expected = np.square(one.mean(0) - other.mean(0)).sum() + np.trace(first + second - 2.0 * root)
    assert ev.frechet_distance(one, other, bootstrap=None).value == pytest.approx(expected, rel=1e-8)


@given(seeds)
def test_frechet_is_symmetric_and_knows_neither_rotations_nor_shifts(seed: int) -> None:
    one, other = gaussian(40, seed=seed), gaussian(40, seed=seed + 1, scale=3.0)
    turned = scipy.stats.ortho_group.rvs(4, random_state=seed % 1000)
    values = [
        ev.frechet_distance(*pair, bootstrap=None).value
        for pair in ((one, other), (other, one), (one @ turned + 7.0, other @ turned + 7.0))
    ]
    np.testing.assert_allclose(values, values[0], rtol=1e-9)


def test_frechet_of_rank_deficient_sets_is_that_of_the_subspace() -> None:
    """Constant features (a dead unit of a network) and fewer examples than features add nothing."""
    one, other = gaussian(30, 3, seed=0), gaussian(30, 3, seed=1, shift=1.0)
    padded = [np.hstack([features, np.zeros((30, 60))]) for features in (one, other)]
    expected = ev.frechet_distance(one, other, bootstrap=None).value
    assert ev.frechet_distance(*padded, bootstrap=None).value == pytest.approx(expected, rel=1e-6)


def test_frechet_of_identical_sets_is_zero_and_of_a_collapsed_one_the_spread_that_is_lost() -> None:
    real = gaussian(200)
    assert ev.frechet_distance(real, real, bootstrap=None).value == pytest.approx(0.0, abs=1e-9)
    collapsed = np.repeat(real.mean(axis=0, keepdims=True), 200, axis=0)
    assert ev.frechet_distance(real, collapsed, bootstrap=None).value == pytest.approx(np.trace(np.cov(real.T)))


def test_frechet_is_biased_upwards_for_few_examples_and_its_floor_shows_it() -> None:
    real, others = gaussian(5000, 16, seed=0), gaussian(5000, 16, seed=1)
    few, many = (ev.frechet_distance(real, others[:n], reference=others[-n:], bootstrap=None) for n in (200, 2000))
    assert many.value < 0.2 * few.value
    assert few.baseline == pytest.approx(few.value, rel=0.5)


# Kernel distance


@given(seeds)
def test_kernel_distance_of_one_subset_equals_the_double_sum(seed: int) -> None:
    one, other = gaussian(6, 3, seed=seed), gaussian(5, 3, seed=seed + 1, shift=0.5)

    def kernel(x: Any, y: Any) -> float:
        return float((x @ y / 3.0 + 1.0) ** 3)

    def mean_within(examples: Any) -> float:
        return float(np.mean([kernel(x, y) for x, y in itertools.permutations(examples, 2)]))

    expected = mean_within(one) + mean_within(other) - 2.0 * np.mean([kernel(x, y) for x in one for y in other])
    from gantape.evaluation.kernel import squared_discrepancy

    assert squared_discrepancy(one, other) == pytest.approx(expected)


def test_kernel_distance_is_zero_in_the_mean_at_any_n_and_can_be_negative() -> None:
    values = [
        ev.kernel_distance(gaussian(40, seed=seed), gaussian(40, seed=seed + 999), subsets=20).value for seed in range(100)
    ]
    error = np.std(values) / math.sqrt(len(values))
    assert abs(np.mean(values)) < 3.0 * error
    assert min(values) < 0.0


def test_kernel_distances_interval_holds_the_spread_of_fresh_sets() -> None:
    """The spread over subsets, brought to all of N, is that which other sets of N would show."""
    measured = [ev.kernel_distance(gaussian(300, seed=seed), gaussian(300, seed=seed + 999, shift=0.5)) for seed in range(30)]
    widths = [result.interval[1] - result.interval[0] for result in measured]
    spread = 4.0 * np.std([result.value for result in measured])
    assert 0.5 * spread < np.mean(widths) < 2.0 * spread


# Nearest neighbours


def balls(centres: Any, k: int) -> Any:
    """Distances to the k-th nearest other, one loop for each example."""
    return np.array([np.sort(np.linalg.norm(centres - centre, axis=1))[k] for centre in centres])


@given(seeds, st.integers(1, 4))
def test_manifold_scores_equal_their_definitions(seed: int, k: int) -> None:
    real, fake = gaussian(30, 2, seed=seed), gaussian(25, 2, seed=seed + 1, shift=0.5)
    distances = np.linalg.norm(fake[:, None] - real[None], axis=2)
    inside_real, inside_fake = distances <= balls(real, k), distances <= balls(fake, k)[:, None]
    precision, recall = ev.precision_recall(real, fake, k=k, bootstrap=NONE)
    density, coverage = ev.density_coverage(real, fake, k=k, bootstrap=NONE)
    assert precision.value == pytest.approx(inside_real.any(axis=1).mean())
    assert recall.value == pytest.approx(inside_fake.any(axis=0).mean())
    assert density.value == pytest.approx(inside_real.sum() / (k * len(fake)))
    assert coverage.value == pytest.approx((distances.min(axis=0) <= balls(real, k)).mean())


def test_blocks_of_distances_are_seamless(monkeypatch: pytest.MonkeyPatch) -> None:
    some, others = gaussian(23, 5), gaussian(17, 5, seed=1, shift=100.0)
    monkeypatch.setattr(neighbours, "MOST_DISTANCES", 17 * 4)
    found = np.concatenate([block for _, block in neighbours.distance_blocks(some, others)])
    np.testing.assert_allclose(found, np.square(some[:, None] - others[None]).sum(axis=2), rtol=1e-9)


def test_a_copied_training_set_fools_every_metric_of_distribution() -> None:
    real = gaussian(300)
    assert ev.precision_recall(real, real, bootstrap=NONE)[0].value == 1.0
    assert ev.precision_recall(real, real, bootstrap=NONE)[1].value == 1.0
    assert ev.density_coverage(real, real, bootstrap=NONE)[1].value == 1.0
    assert ev.training_distance(real, real, reference=gaussian(300, seed=1)).value == pytest.approx(0.0, abs=1e-6)
    assert (ev.training_distance(real, real, reference=gaussian(300, seed=1)).baseline or 0.0) > 0.1


def test_a_collapsed_generator_is_precise_and_recalls_nothing() -> None:
    real = gaussian(300)
    collapsed = np.repeat(real[:1], 300, axis=0)
    precision, recall = ev.precision_recall(real, collapsed, bootstrap=NONE)
    assert precision.value == 1.0
    assert recall.value <= 2 / 300
    assert ev.density_coverage(real, collapsed, bootstrap=NONE)[1].value < 0.1
    assert ev.latent_diversity(collapsed, reference=gaussian(300, seed=1)).value == 0.0


def test_both_sets_collapsed_to_one_point_are_equal() -> None:
    """Rounding must not push a point out of a ball of radius 0."""
    same = np.full((50, 3), 0.1)
    assert [score.value for score in ev.precision_recall(same, same, bootstrap=NONE)] == [1.0, 1.0]
    assert ev.kernel_distance(same, same).value == pytest.approx(0.0, abs=1e-12)


def test_ten_thousand_against_ten_thousand_take_bounded_memory() -> None:
    """No matrix of 10,000 × 10,000 distances (800 MB) is ever held."""
    real, fake = gaussian(10_000, 64), gaussian(10_000, 64, seed=1)
    tracemalloc.start()
    ev.density_coverage(real, fake, bootstrap=NONE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 250e6


def test_nearest_training_examples_are_found_in_order() -> None:
    training = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    found = ev.nearest_training(np.array([[0.9, 0.0], [6.0, 0.0]]), training, neighbours=2)
    np.testing.assert_array_equal(found.indices, [[1, 0], [2, 1]])
    np.testing.assert_allclose(found.distances, [[0.1, 0.9], [1.0, 5.0]])


def test_diversity_of_normal_features_is_that_of_their_differences() -> None:
    """‖x - y‖ of standard normal x, y in the plane is √2 times a Rayleigh variable: its mean is √π."""
    assert ev.latent_diversity(gaussian(20_000, 2)).value == pytest.approx(math.sqrt(math.pi), rel=0.02)


# What every metric says of itself


@pytest.mark.parametrize("metric", TWO_SETS)
def test_too_few_examples_are_one_clear_error(metric: Any) -> None:
    with pytest.raises(DataError, match="too few to measure anything"):
        metric(gaussian(100), gaussian(1))


@pytest.mark.parametrize("metric", TWO_SETS)
def test_features_of_another_width_or_not_finite_are_refused(metric: Any) -> None:
    with pytest.raises(ShapeError, match="features"):
        metric(gaussian(100, 4), gaussian(100, 5))
    with pytest.raises(ShapeError, match="examples features"):
        metric(gaussian(100), gaussian(100).reshape(10, 10, 4))
    with pytest.raises(RangeError, match="not finite"):
        metric(gaussian(100), np.where(gaussian(100) > 2.0, np.nan, gaussian(100)))


def test_other_mistakes_are_named() -> None:
    with pytest.raises(RangeError, match="sums to 1"):
        ev.inception_score(np.full((100, 10), 0.2))
    with pytest.raises(RangeError, match="integer from 0 on"):
        ev.mode_coverage(np.array([0, 9]), count=8)
    with pytest.raises(RangeError, match="first neighbour"):
        ev.precision_recall(gaussian(10), gaussian(10), k=0)
    with pytest.raises(DataError, match="same N"):
        ev.frechet_distance(gaussian(100), gaussian(100), reference=gaussian(99))
    with pytest.raises(RangeError, match="at least two resamples"):
        ev.Bootstrap(resamples=1)


@pytest.mark.parametrize("metric", TWO_SETS)
def test_a_small_n_is_warned_of_in_the_log_and_in_the_result(metric: Any) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", level="WARNING")
    logger.enable("gantape")
    try:
        few, many = metric(gaussian(30), gaussian(30, seed=1)), metric(gaussian(300), gaussian(300, seed=1))
    finally:
        logger.disable("gantape")
        logger.remove(sink)
    assert "few" in few.warning
    assert lines
    assert all(few.warning in line for line in lines)
    assert many.warning == ""


@pytest.mark.parametrize("metric", TWO_SETS)
@given(seed=seeds)
def test_the_order_of_examples_does_not_matter(metric: Any, seed: int) -> None:
    real, fake = gaussian(400), gaussian(400, seed=1)
    shuffled = np.random.default_rng(seed).permutation(fake)
    one, other = metric(real, fake), metric(real, shuffled)
    # The kernel distance draws subsets: it is equal up to their spread.
    tolerance = one.interval[1] - one.interval[0] if metric is ev.kernel_distance else 1e-9
    assert one.value == pytest.approx(other.value, abs=tolerance)


def test_an_interval_of_a_mean_is_that_of_the_normal_distribution() -> None:
    values = gaussian(1000, 1)[:, 0]
    low, high = ev.Bootstrap(resamples=2000).of_mean(values)
    assert (high - low) / 2.0 == pytest.approx(1.96 * values.std() / math.sqrt(1000), rel=0.1)
    assert low < values.mean() < high


def test_frechets_interval_holds_the_figures_of_fresh_sets() -> None:
    """Fifty fresh pairs: most of their figures lie in the interval of the first, for it leaves the bias out."""
    figures = [
        ev.frechet_distance(gaussian(300, seed=s), gaussian(300, seed=s + 999, shift=0.5), bootstrap=None).value
        for s in range(50)
    ]
    low, high = ev.frechet_distance(gaussian(300), gaussian(300, seed=999, shift=0.5)).interval
    assert high - low == pytest.approx(4.0 * np.std(figures), rel=0.5)


def test_a_result_is_printed_in_one_line() -> None:
    measured = ev.Measurement("Fréchet distance", 3.21, 10_000, (3.1, 3.3), baseline=0.5)
    assert str(measured) == "Fréchet distance 3.21 [3.1, 3.3] (N = 10,000, real examples 0.5)"
