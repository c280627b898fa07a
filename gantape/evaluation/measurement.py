"""What a metric returns, and how sure it is. Opens the leaf `evaluation`: nothing in the core imports it."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from loguru import logger

from gantape.errors import DataError, RangeError
from gantape.shapes import check_shape

FloatArray: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


@attrs.frozen
class Measurement:
    """A figure with all that is needed to compare it with another.

    Args:
        name: What was measured.
        value: The figure.
        count: N, how many generated examples it was measured on. Many metrics are biased: compare at equal N only.
        interval: Where the figure would lie for other examples from the same two sources, with the confidence of `Bootstrap`.
        floor: What real examples reach in the place of the generated ones, at the same N; `None` where there are none.
        warning: Why the figure is not to be trusted; empty if it is.
    """

    name: str
    value: float
    count: int
    interval: tuple[float, float]
    floor: float | None = None
    warning: str = ""

    def warn(self) -> "Measurement":
        """Say the warning in the log, if there is one; returns the measurement itself."""
        if self.warning:
            logger.warning("{}: {}", self.name, self.warning)
        return self

    def __str__(self) -> str:
        low, high = self.interval
        floor = "" if self.floor is None else f", real examples {self.floor:.4g}"
        return f"{self.name} {self.value:.4g} [{low:.4g}, {high:.4g}] (N = {self.count:,}{floor})"


@attrs.frozen
class Bootstrap:
    """How confidence intervals are made: from the spread of the figure over resampled examples.

    An interval is the figure plus quantiles of the resampled figures' deviations from their own mean. So it shows the spread,
    and leaves out the bias, which resampling adds a second time.

    Args:
        resamples: How often to resample.
        level: The share of cases in which the interval is to hold the figure.
        seed: The seed of what is drawn.

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
                do="give 100 resamples and a level of 0.95, say.",
            )

    def draws(self, *counts: int) -> Iterator[list[FloatArray]]:
        """For each resample, how often every example is drawn: one array for each of the sets, whose sizes are given."""
        generator = np.random.default_rng(self.seed)
        for _ in range(self.resamples):
            yield [np.bincount(generator.integers(0, size, size), minlength=size).astype(np.float64) for size in counts]

    def interval(
        self, value: float, resampled: Sequence[float] | FloatArray, within: tuple[float, float] = (-np.inf, np.inf)
    ) -> tuple[float, float]:
        """The interval around a figure, from the figures of the resamples, as far as it is within what the figure can be."""
        deviations = np.asarray(resampled, np.float64) - np.mean(resampled)
        ends = value + np.quantile(deviations, [(1.0 - self.level) / 2.0, (1.0 + self.level) / 2.0])
        low, high = np.clip(ends, *within)
        return float(low), float(high)

    def of_mean(self, values: FloatArray) -> tuple[float, float]:
        """The interval around the mean of one value for each example."""
        resampled = [float(weights @ values) / len(values) for (weights,) in self.draws(len(values))]
        return self.interval(float(values.mean()), resampled, (float(values.min()), float(values.max())))


def as_features(values: Any, *, name: str, where: str, least: int = 2) -> FloatArray:
    """Features as float64, checked.

    Args:
        values: Shape `examples features`.
        name: What they are, for the error.
        where: Whose argument they are, for the error.
        least: How many examples are needed.

    Raises:
        ShapeError: If the axes are others.
        DataError: If there are too few examples.
        RangeError: If a number is infinite or not a number.
    """
    array = np.asarray(values)
    check_shape(
        array, "examples features", name=name, where=where, do="give one row for each example: images.reshape(len(images), -1)."
    )
    array = array.astype(np.float64)
    if len(array) < least or not array.shape[1]:
        raise DataError(
            f"{name} are too few to measure anything.",
            where=where,
            got=f"{len(array)} examples of {array.shape[1]} features",
            do=f"give at least {least} examples, and thousands for figures that can be compared.",
        )
    if not np.isfinite(array).all():
        raise RangeError(
            f"{name} are not finite.",
            where=where,
            got=f"{int((~np.isfinite(array)).sum())} numbers that are infinite or not a number",
            do="look at the generator's output: the run may have diverged.",
        )
    return array


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
    """As many reference examples as there are generated ones, for the floor.

    Raises:
        DataError: If there are fewer.
    """
    array = as_features(reference, name="reference examples", where=where)
    if len(array) < count:
        raise DataError(
            "a floor is measured at the same N.",
            where=f"{where}, argument `reference`",
            got=f"{len(array)} reference examples for {count} generated ones",
            do="give at least as many, none of which is among the real examples; or no reference.",
        )
    return array[:count]
