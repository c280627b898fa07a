"""Mode coverage, for mixtures with known modes and for classes that a judge assigns."""

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from gantape.errors import DataError, RangeError
from gantape.evaluation.measurement import (
    Bootstrap,
    FloatArray,
    Measurement,
    as_features,
    check_reference,
    measure_mean,
    same_width,
    too_few,
)

EXAMPLES_PER_MODE = 10
GOOD_WITHIN_DEVIATIONS = 3.0
_DEFAULT = Bootstrap()

Modes = np.ndarray[Any, np.dtype[np.int64]]
"""The index of each example's mode; -1 for none."""


def mode_coverage(
    modes: Any, *, count: int, reference: Any = None, bootstrap: Bootstrap = _DEFAULT
) -> tuple[Measurement, Measurement]:
    """The number of M equally likely modes that occur, and the reverse KL divergence Σ p ln(M p) of their shares p from 1/M.

    A divergence of 0 is perfect, ln M is total collapse. It is biased by about (M - 1) / 2N: compare at equal N. A single
    example covers a mode, and an untrained generator covers many: always consider both numbers.

    Args:
        modes: The mode of each generated example, 0 to M - 1, or -1 for none; examples without a mode count in N, but not in
            the shares.
        count: M.
        reference: The modes of real examples, for the baseline; by default, the baseline is the mean for evenly drawn examples.
        bootstrap: Settings of the confidence intervals.

    Returns:
        The number of modes, and the divergence in nats (infinite if no example has a mode).

    Raises:
        DataError: If there are no examples, or M is below 2.
        RangeError: If a mode is not in range.

    References:
        Lin et al. 2018, arXiv 1712.04086; Srivastava et al. 2017, arXiv 1705.07761.
    """
    where = "gantape.evaluation.mode_coverage"
    found = _as_modes(modes, count, where)
    histogram = _histogram(found, count)
    generator = np.random.default_rng(bootstrap.seed)
    none = len(found) - histogram.sum()
    shares = np.append(histogram, none) / len(found)
    resampled = generator.multinomial(len(found), shares, size=bootstrap.resamples)[:, :count]
    if reference is None:
        baselines = generator.multinomial(len(found), np.full(count, 1.0 / count), size=bootstrap.resamples)
    else:
        others = _as_modes(reference, count, where)
        check_reference(len(others), len(found), where)
        baselines = _histogram(others[: len(found)], count)[None]
    warning = too_few(len(found), EXAMPLES_PER_MODE * count, f" for {count} modes")

    def measured(name: str, figures: Callable[[Modes], FloatArray], most: float) -> Measurement:
        value, values, baseline = float(figures(histogram[None])[0]), figures(resampled), figures(baselines)
        interval = bootstrap.interval(value, values, (0.0, most)) if np.isfinite(values).all() else (value, value)
        return Measurement(name, value, len(found), interval, float(baseline.mean()), warning).warn()

    return measured("modes", _covered, count), measured("reverse KL", _divergences, np.log(count))


@attrs.frozen
class Assigned:
    """The examples of a mixture of Gaussians, each with its nearest centre.

    Args:
        modes: The index of each example's mode, or -1 if the nearest centre is too far.
        distances: The distance to the nearest centre.
    """

    modes: Modes
    distances: FloatArray


def assign_modes(points: Any, centres: Any, *, deviation: float) -> Assigned:
    """Assign points to the nearest of a mixture's centres, if it is within 3 standard deviations (a high-quality example).

    Args:
        points: Generated examples, shape `examples features`.
        centres: Shape `modes features`.
        deviation: The standard deviation of each Gaussian.

    Raises:
        ShapeError: If the axes are wrong.
        DataError: If there is no point.
        RangeError: If a number is not finite.
    """
    where = "gantape.evaluation.assign_modes"
    found = as_features(points, name="points", where=where, least=1)
    wanted = as_features(centres, name="centres", where=where, least=1)
    same_width(wanted, found, where)
    distances = np.sqrt(np.square(found[:, None] - wanted).sum(axis=2))
    nearest, distance = distances.argmin(axis=1), distances.min(axis=1)
    return Assigned(np.where(distance <= GOOD_WITHIN_DEVIATIONS * deviation, nearest, -1), distance)


def high_quality_fraction(modes: Any, *, reference: Any = None, bootstrap: Bootstrap = _DEFAULT) -> Measurement:
    """The share of examples that belong to a mode: for a mixture, within 3 standard deviations of a centre.

    Args:
        modes: The mode of each generated example, -1 for none, from `assign_modes`.
        reference: The same of real examples, for the baseline; a perfect sampler in the plane reaches 1 - exp(-9/2) = 0.989.
        bootstrap: Settings of the confidence interval.

    Raises:
        DataError: If there is no example.

    References:
        Srivastava et al. 2017, arXiv 1705.07761, section 4.
    """
    found = (_as_modes(modes, None, "gantape.evaluation.high_quality_fraction") >= 0).astype(np.float64)
    baseline = None if reference is None else float(np.mean(np.asarray(reference) >= 0))
    return measure_mean("good samples", found, baseline, bootstrap)


def _as_modes(modes: Any, count: int | None, where: str) -> Modes:
    found = np.asarray(modes)
    if found.ndim != 1 or not len(found) or (count is not None and count < 2):
        raise DataError(
            "coverage needs at least two modes and at least one example.",
            where=where,
            got=f"modes of shape {found.shape}" + ("" if count is None else f", count={count}"),
            do="pass the index of each example's mode, shape `examples`.",
        )
    if found.dtype.kind not in "iu" or found.min() < -1 or (count is not None and found.max() >= count):
        raise RangeError(
            "a mode is an integer from 0 on, or -1 for none.",
            where=where,
            got=f"{found.dtype} from {found.min()} to {found.max()}" + ("" if count is None else f", count={count}"),
            do="number the modes from 0 to count - 1.",
        )
    return found.astype(np.int64)


def _histogram(modes: Modes, count: int) -> Modes:
    return np.bincount(modes[modes >= 0], minlength=count)


def _covered(histograms: Modes) -> FloatArray:
    return (histograms > 0).sum(axis=1).astype(np.float64)


def _divergences(histograms: Modes) -> FloatArray:
    totals = histograms.sum(axis=1, keepdims=True)
    shares = histograms / np.maximum(totals, 1)
    terms = shares * np.log(histograms.shape[1] * shares, out=np.zeros(shares.shape), where=shares > 0)
    return np.where(totals[:, 0] > 0, terms.sum(axis=1), np.inf)
