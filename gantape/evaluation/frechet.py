"""The Fréchet distance between two sets of features."""

from typing import Any

import numpy as np

from gantape.evaluation.measurement import Bootstrap, FloatArray, Measurement, as_sets

EXAMPLES_PER_FEATURE = 10
_DEFAULT = Bootstrap()


def frechet_distance(real: Any, fake: Any, *, reference: Any = None, bootstrap: Bootstrap | None = _DEFAULT) -> Measurement:
    """‖μ₁ - μ₂‖² + tr(Σ₁ + Σ₂ - 2 (Σ₁^½ Σ₂ Σ₁^½)^½), of the Gaussians with the means and covariances of two sets of features.

    It detects blur, missing classes and wrong proportions. It ignores everything but means and covariances: copies of the
    training set score as well as real examples. It is biased by about c/N: compare at equal N, and with the baseline.

    Args:
        real: Features of real examples, shape `examples features`.
        fake: Features of generated examples, from the same judge.
        reference: Features of other real examples, at least as many as generated ones, for the baseline.
        bootstrap: Settings of the confidence interval; `None` for none (both ends are the value).

    Returns:
        The distance, in squared units of the features; 0 for equal means and covariances. It warns below 10 examples per
        feature.

    Raises:
        ShapeError: If the sets do not have the axes `examples features`, or differ in features.
        DataError: If a set has fewer than two examples.
        RangeError: If a number is not finite.

    References:
        Heusel et al. 2017, arXiv 1706.08500, equation 6; Dowson and Landau 1982 (the closed form).
    """
    first, second, others = as_sets(real, fake, reference, "gantape.evaluation.frechet_distance")
    value = gaussian_distance(*moments(first), *moments(second))
    interval = (value, value)
    if bootstrap is not None:
        resampled = [
            gaussian_distance(*moments(first, some), *moments(second, others))
            for some, others in bootstrap.draws(len(first), len(second))
        ]
        interval = bootstrap.interval(value, resampled, (0.0, np.inf))
    baseline = None if others is None else gaussian_distance(*moments(first), *moments(others))
    return Measurement("Fréchet distance", value, len(second), interval, baseline, _warning(first, second)).warn()


def moments(features: FloatArray, weights: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance (with n-1) of features; `weights` are the counts of the examples."""
    if weights is None:
        weights = np.ones(len(features))
    mean = weights @ features / weights.sum()
    scaled = np.sqrt(weights)[:, None] * (features - mean)
    return mean, scaled.T @ scaled / (weights.sum() - 1.0)


def gaussian_distance(mean: FloatArray, covariance: FloatArray, other_mean: FloatArray, other_covariance: FloatArray) -> float:
    """The Fréchet distance between two Gaussians, whose covariances may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values.clip(0.0))) @ vectors.T
    product = root @ other_covariance @ root
    trace = np.sqrt(np.linalg.eigvalsh((product + product.T) / 2.0).clip(0.0)).sum()
    distance = np.square(mean - other_mean).sum() + np.trace(covariance) + np.trace(other_covariance) - 2.0 * trace
    return max(float(distance), 0.0)


def _warning(real: FloatArray, fake: FloatArray) -> str:
    count, features = min(len(real), len(fake)), real.shape[1]
    if count >= EXAMPLES_PER_FEATURE * features:
        return ""
    kind = "the covariances are singular" if count <= features else "the bias is large"
    return f"{count} examples are few for {features} features: {kind}; take at least {EXAMPLES_PER_FEATURE * features}."
