"""Measurements with confidence intervals, and checks of features."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from loguru import logger

from gantape.errors import DataError, RangeError, counted
from gantape.shapes import check_shape

FloatArray: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

FEWEST_EXAMPLES = 100
"""Below so many examples, a mean over them is not reliable."""


@attrs.frozen
class Measurement:
    """The value of a metric, with all that is needed to compare it with another.

    Args:
        name: Name of the metric.
        value: Value of the metric.
        count: N, the number of generated examples. Many metrics are biased: compare at equal N only.
        interval: Confidence interval of the value for other examples from the same two sources; see `Bootstrap`.
        baseline: The value for real examples instead of the generated ones, at the same N; `None` without a reference.
        warning: Why the value is not reliable; empty if it is.
    """

    name: str
    value: float
    count: int
    interval: tuple[float, float]
    baseline: float | None = None
    warning: str = ""

    def warn(self) -> "Measurement":
        """Log the warning, if there is one, and return the measurement."""
        if self.warning:
            logger.warning("{}: {}", self.name, self.warning)
        return self

    def __str__(self) -> str:
        low, high = self.interval
        baseline = "" if self.baseline is None else f", real examples {self.baseline:.4g}"
        return f"{self.name} {self.value:.4g} [{low:.4g}, {high:.4g}] (N = {self.count:,}{baseline})"


@attrs.frozen
class Bootstrap:
    """Bootstrap confidence intervals, from the spread of a metric over resampled examples.

    An interval is the value plus quantiles of the resampled values' deviations from their own mean. It thus shows the spread
    without the bias, which resampling would add a second time.

    Args:
        resamples: Number of resamples.
        level: Confidence level.
        seed: Seed of the resampling.

    References:
        Efron 1979, Bootstrap methods: another look at the jackknife.
    """

    resamples: int = 100
    level: float = 0.95
    seed: int = 0

    def __attrs_post_init__(self) -> None:
        if self.resamples < 2 or not 0.0 < self.level < 1.0:
            raise RangeError(
                "a confidence interval needs at least two resamples, and a level between 0 and 1.",
                where="gantape.evaluation.Bootstrap",
                got=f"resamples={self.resamples}, level={self.level}",
                do="use 100 resamples and a level of 0.95, for example.",
            )

    def draws(self, *counts: int) -> Iterator[list[FloatArray]]:
        """For each resample, the counts of the examples: one array for each set, given the sets' sizes."""
        generator = np.random.default_rng(self.seed)
        for _ in range(self.resamples):
            yield [np.bincount(generator.integers(0, size, size), minlength=size).astype(np.float64) for size in counts]

    def interval(
        self, value: float, resampled: Sequence[float] | FloatArray, within: tuple[float, float] = (-np.inf, np.inf)
    ) -> tuple[float, float]:
        """The interval around a value, from the values of the resamples, clipped to the metric's range."""
        deviations = np.asarray(resampled, np.float64) - np.mean(resampled)
        ends = value + np.quantile(deviations, [(1.0 - self.level) / 2.0, (1.0 + self.level) / 2.0])
        low, high = np.clip(ends, *within)
        return float(low), float(high)

    def of_mean(self, values: FloatArray) -> tuple[float, float]:
        """The interval around the mean of one value for each example."""
        resampled = [float(weights @ values) / len(values) for (weights,) in self.draws(len(values))]
        return self.interval(float(values.mean()), resampled, (float(values.min()), float(values.max())))


def as_features(values: Any, *, name: str, where: str, least: int = 2) -> FloatArray:
    """Check features, and convert them to float64.

    Args:
        values: Shape `examples features`.
        name: Their name, for the error.
        where: The place of the error.
        least: Smallest number of examples.

    Raises:
        ShapeError: If the axes are wrong.
        DataError: If there are too few examples.
        RangeError: If a number is infinite or not a number.
    """
    array = np.asarray(values)
    check_shape(
        array, "examples features", name=name, where=where, do="pass one row for each example: images.reshape(len(images), -1)."
    )
    array = array.astype(np.float64)
    if len(array) < least or not array.shape[1]:
        raise DataError(
            f"{name} are too few to measure anything.",
            where=where,
            got=f"{counted(len(array), 'example')} of {counted(array.shape[1], 'feature')}",
            do=f"pass at least {least} examples, and thousands for meaningful values.",
        )
    check_finite(array, name, where)
    return array


def check_finite(numbers: np.ndarray[Any, Any], name: str, where: str) -> None:
    """Raise a `RangeError` unless numbers made by a generator are finite."""
    finite = np.isfinite(numbers)
    if not finite.all():
        raise RangeError(
            f"{name} are not finite.",
            where=where,
            got=f"{int((~finite).sum())} numbers that are infinite or not a number",
            do="check the generator's output: the run may have diverged.",
        )


def as_sets(
    real: Any, fake: Any, reference: Any, where: str, least: int = 2
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Check features of real, generated and reference examples, see `as_features`; `None` for no reference.

    Raises:
        ShapeError: If they differ in features, or the axes are wrong.
        DataError: If there are too few examples, or fewer reference examples than generated ones.
        RangeError: If a number is infinite or not a number.
    """
    first = as_features(real, name="real examples", where=where, least=least)
    second = as_features(fake, name="generated examples", where=where, least=least)
    same_width(first, second, where)
    others = None if reference is None else cut_reference(reference, len(second), where)
    if others is not None:
        same_width(first, others, where)
    return first, second, others


def too_few(count: int, least: int, of: str = "") -> str:
    """The warning of a measurement of fewer examples than `least`; empty if there are enough."""
    return f"{count} examples are few{of}: take at least {least}." if count < least else ""


def measure_mean(
    name: str,
    values: FloatArray,
    baseline: float | None,
    bootstrap: Bootstrap,
    *,
    count: int | None = None,
    least: int = FEWEST_EXAMPLES,
) -> Measurement:
    """The mean of one value for each example, or of values for `count` examples, with a warning below `least` of them."""
    count = count or len(values)
    interval = bootstrap.of_mean(values)
    return Measurement(name, float(values.mean()), count, interval, baseline, too_few(count, least)).warn()


def same_width(real: FloatArray, fake: FloatArray, where: str) -> None:
    """Raise a `ShapeError` unless two sets have the same features."""
    check_shape(
        fake,
        "examples features",
        name="generated examples",
        where=where,
        known={"features": real.shape[1]},
        do="take the features of both sets from the same judge.",
    )


def cut_reference(reference: Any, count: int, where: str) -> FloatArray:
    """The first `count` reference examples, for the baseline.

    Raises:
        DataError: If there are fewer.
    """
    array = as_features(reference, name="reference examples", where=where)
    check_reference(len(array), count, where)
    return array[:count]


def check_reference(known: int, count: int, where: str) -> None:
    """Raise a `DataError` if there are fewer reference examples than generated ones."""
    if known < count:
        raise DataError(
            "a baseline is measured at the same N.",
            where=f"{where}, argument `reference`",
            got=f"{known} reference examples for {count} generated ones",
            do="pass at least as many, none of which is among the real examples; or no reference.",
        )
