"""Metrics of classes and modes: closed forms, references in SciPy, baselines; and intervals that end where figures do."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from strategies import seeds

from gantape import evaluation as ev
from gantape.data import grid_centres, ring, ring_centres

NONE = ev.Bootstrap(resamples=2)


# Classes


def test_inception_score_reaches_from_one_to_the_number_of_classes() -> None:
    sure = np.eye(10)[np.arange(1000) % 10]
    assert ev.inception_score(sure).value == pytest.approx(10.0)
    assert ev.inception_score(np.full((1000, 10), 0.1)).value == pytest.approx(1.0)
    assert ev.inception_score(sure[::10]).value == pytest.approx(1.0)  # one class only


@given(seeds)
def test_inception_score_equals_scipys_entropies(seed: int) -> None:
    rows = np.random.default_rng(seed).dirichlet(np.ones(4), size=50)
    divergences = [scipy.stats.entropy(row, rows.mean(axis=0)) for row in rows]
    assert ev.inception_score(rows, bootstrap=NONE).value == pytest.approx(np.exp(np.mean(divergences)))


def test_label_accuracy_counts() -> None:
    measured = ev.label_accuracy([0, 1, 2, 3], [0, 1, 2, 0], real_accuracy=0.99)
    assert (measured.value, measured.count, measured.baseline) == (0.75, 4, 0.99)


# Modes


def test_reverse_kl_of_even_modes_is_zero_and_of_one_mode_the_logarithm_of_all() -> None:
    modes, divergence = ev.mode_coverage(np.arange(1000) % 100, count=100)
    assert (modes.value, divergence.value) == (100.0, pytest.approx(0.0, abs=1e-12))
    modes, divergence = ev.mode_coverage(np.zeros(1000, int), count=1000)
    assert (modes.value, divergence.value) == (1.0, pytest.approx(math.log(1000)))


@given(seeds)
def test_reverse_kl_equals_scipys(seed: int) -> None:
    modes = np.random.default_rng(seed).integers(0, 7, 40)
    shares = np.bincount(modes, minlength=7) / 40
    assert ev.mode_coverage(modes, count=7, bootstrap=NONE)[1].value == pytest.approx(
        scipy.stats.entropy(shares, np.ones(7) / 7)
    )


MNIST_CLASSES = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_the_floor_of_stacked_digits_is_the_published_one_for_mnists_classes_and_lower_for_even_ones() -> None:
    """26,000 examples of 1000 modes: 0.0238 ± 0.0009 with MNIST's own uneven classes; (M - 1) / 2N = 0.0192, or so, if even."""
    digits = np.random.default_rng(0).choice(10, p=np.array(MNIST_CLASSES) / 60_000, size=(2, 26_000, 3))
    modes, others = digits @ [100, 10, 1]
    divergence = ev.mode_coverage(modes, count=1000, reference=others)[1]
    assert divergence.value == pytest.approx(0.0238, abs=2 * 0.0009)
    assert divergence.baseline == pytest.approx(0.0238, abs=2 * 0.0009)
    assert divergence.interval[0] < 0.0238 < divergence.interval[1]
    assert ev.mode_coverage(modes, count=1000)[1].baseline == pytest.approx(0.0195, abs=0.0004)


def test_no_example_in_any_mode_is_an_infinite_divergence() -> None:
    modes, divergence = ev.mode_coverage(np.full(100, -1), count=8)
    assert (modes.value, divergence.value) == (0.0, math.inf)


def test_a_perfect_sampler_of_the_ring_has_its_closed_form_of_good_samples() -> None:
    """Within 3σ in the plane: 1 - exp(-9/2) = 0.9889."""
    points = ring(batch_size=1, examples=20_000).arrays
    assigned = ev.assign_modes(points, ring_centres(), deviation=0.01)
    assert ev.high_quality_fraction(assigned.modes).value == pytest.approx(1.0 - math.exp(-4.5), abs=0.003)
    assert ev.mode_coverage(assigned.modes, count=8)[0].value == 8.0


def test_points_between_the_centres_belong_to_no_mode() -> None:
    centres = grid_centres()
    assigned = ev.assign_modes(np.vstack([centres, centres + 1.0]), centres, deviation=0.05)
    np.testing.assert_array_equal(assigned.modes, [*range(25), *[-1] * 25])
    assert ev.high_quality_fraction(assigned.modes).value == 0.5


# Intervals


@given(seeds)
def test_an_interval_stays_within_what_the_figure_can_be(seed: int) -> None:
    """Few examples, and figures at the end of their range, where the bootstrap alone goes beyond it."""
    generator = np.random.default_rng(seed)
    points, even = generator.normal(size=(12, 2)), np.arange(40) % 8
    modes, divergence = ev.mode_coverage(even, count=8)
    score = ev.inception_score(np.full((20, 5), 0.2) + generator.uniform(0.0, 1e-3, (20, 1)) * [1, -1, 0, 0, 0])
    intervals = (
        (modes.interval, 0.0, 8.0),
        (divergence.interval, 0.0, math.log(8)),
        (score.interval, 1.0, 5.0),
        (ev.frechet_distance(points, points[::-1]).interval, 0.0, math.inf),
        (ev.high_quality_fraction(np.array([0, 1, -1])).interval, 0.0, 1.0),
    )
    for (low, high), least, most in intervals:
        assert least <= low <= high <= most
