"""The kernel distance between two sets of features, which is unbiased."""

from typing import Any

import numpy as np

from gantape.errors import RangeError
from gantape.evaluation.measurement import Bootstrap, FloatArray, Measurement, as_sets, too_few

FEWEST_EXAMPLES = 200
_DEFAULT = Bootstrap()


def kernel_distance(
    real: Any,
    fake: Any,
    *,
    reference: Any = None,
    subsets: int = 100,
    subset_size: int = 1000,
    bootstrap: Bootstrap = _DEFAULT,
) -> Measurement:
    """The squared maximum mean discrepancy with the kernel k(x, y) = (x·y / d + 1)³, unbiased, a mean over subsets.

        MMD² = mean of k(x, x') over x ≠ x' + mean of k(y, y') over y ≠ y' - 2 · mean of k(x, y)

    It detects differences in the first three moments. It is unbiased: it can be negative, and values of different N can be
    compared, which makes it the best choice for few examples. The interval is the subsets' spread, scaled to N.

    Args:
        real: Features of real examples, shape `examples features`.
        fake: Features of generated examples, from the same judge.
        reference: Features of other real examples, at least as many as generated ones, for the baseline; it is 0 on average.
        subsets: Number of subsets.
        subset_size: Examples per subset and set; at most half of the smaller set.
        bootstrap: The level of the confidence interval, and the seed of the subsets.

    Raises:
        ShapeError: If the sets do not have the axes `examples features`, or differ in features.
        DataError: If a set has fewer than four examples.
        RangeError: If a number is not finite, or there are fewer than two subsets.

    References:
        Bińkowski et al. 2018, arXiv 1801.01401; Gretton et al. 2012, equation 3.
    """
    where = "gantape.evaluation.kernel_distance"
    if subsets < 2 or subset_size < 2:
        raise RangeError(
            "a mean over subsets needs at least two subsets of two examples.",
            where=where,
            got=f"subsets={subsets}, subset_size={subset_size}",
            do="use the default of 100 subsets of 1000.",
        )
    first, second, others = as_sets(real, fake, reference, where, least=4)
    smaller = min(len(first), len(second))
    size = min(subset_size, smaller // 2)
    values = _over_subsets(first, second, size, subsets, bootstrap.seed)
    value = float(values.mean())
    # Subsets without replacement vary by σ²(1/size - 1/N) where the whole set varies by σ²/N.
    interval = bootstrap.interval(value, values * np.sqrt(size / (smaller - size)))
    baseline = None
    if others is not None:
        baseline = float(_over_subsets(first, others, size, subsets, bootstrap.seed).mean())
    warning = too_few(smaller, FEWEST_EXAMPLES)
    return Measurement("kernel distance", value, len(second), interval, baseline, warning).warn()


def squared_discrepancy(first: FloatArray, second: FloatArray) -> float:
    """The unbiased estimate of MMD² with the cubic kernel, from two sets of the same features."""
    features = first.shape[1]

    def kernel(some: FloatArray, others: FloatArray) -> FloatArray:
        base = some @ others.T / features + 1.0
        return base * base * base  # much faster than a power

    def within(some: FloatArray) -> float:
        matrix = kernel(some, some)
        return float((matrix.sum() - np.trace(matrix)) / (len(some) * (len(some) - 1)))

    return within(first) + within(second) - 2.0 * float(kernel(first, second).mean())


def _over_subsets(first: FloatArray, second: FloatArray, size: int, subsets: int, seed: int) -> FloatArray:
    generator = np.random.default_rng(seed)
    return np.array(
        [
            squared_discrepancy(
                first[generator.choice(len(first), size, replace=False)],
                second[generator.choice(len(second), size, replace=False)],
            )
            for _ in range(subsets)
        ]
    )
