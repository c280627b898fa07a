"""Quality and variety as separate metrics: precision, recall, density and coverage, from nearest neighbours."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gantape.errors import RangeError
from gantape.evaluation.measurement import Bootstrap, FloatArray, Measurement, as_sets, too_few
from gantape.evaluation.neighbours import count_balls, nearest_squares, neighbour_radii

EXAMPLES_PER_FEATURE = 10
_DEFAULT = Bootstrap()

_Scores = Callable[[FloatArray, FloatArray, int], tuple[FloatArray, FloatArray]]


def precision_recall(
    real: Any, fake: Any, *, reference: Any = None, k: int = 3, bootstrap: Bootstrap = _DEFAULT
) -> tuple[Measurement, Measurement]:
    """Precision, the share of generated examples among the real ones, and recall, the share of real ones among the generated.

    An example is "among" a set if it lies in a ball around one of its members that reaches to the k-th nearest neighbour.
    Precision detects bad images, recall missing variety. A single outlier, with its large ball, inflates both.

    Args:
        real: Features of real examples, shape `examples features`.
        fake: Features of generated examples, from the same judge.
        reference: Features of other real examples, at least as many as generated ones, for the baselines, which are below 1.
        k: The neighbour that a ball reaches to.
        bootstrap: Settings of the confidence intervals; the balls are fixed.

    Returns:
        Precision and recall, each from 0 to 1. They depend on N: compare at equal N.

    Raises:
        ShapeError: If the sets do not have the axes `examples features`, or differ in features.
        DataError: If a set has no more than k examples.
        RangeError: If a number is not finite, or k is not positive.

    References:
        Kynkäänniemi et al. 2019, arXiv 1904.06991, equations 1 and 2.
    """
    return _measure(_precision_recall, ("precision", "recall"), real, fake, reference, (k, bootstrap))


def density_coverage(
    real: Any, fake: Any, *, reference: Any = None, k: int = 5, bootstrap: Bootstrap = _DEFAULT
) -> tuple[Measurement, Measurement]:
    """Density, the number of real balls around a generated example, over k; coverage, the share of real balls with one inside.

    Both use balls around real examples only, which makes them robust to generated outliers. Density is about 1 for equal
    distributions, and higher if generated examples concentrate in dense regions. Arguments as for `precision_recall`.

    Returns:
        Density, 0 and above, and coverage, from 0 to 1. Real examples reach a coverage of about 1 - 2⁻ᵏ.

    Raises:
        ShapeError: If the sets do not have the axes `examples features`, or differ in features.
        DataError: If a set has no more than k examples.
        RangeError: If a number is not finite, or k is not positive.

    References:
        Naeem et al. 2020, arXiv 2002.09797, equations 4 and 5.
    """
    return _measure(_density_coverage, ("density", "coverage"), real, fake, reference, (k, bootstrap))


def _precision_recall(real: FloatArray, fake: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
    precise = count_balls(fake, real, neighbour_radii(real, k)) > 0
    recalled = count_balls(real, fake, neighbour_radii(fake, k)) > 0
    return precise.astype(np.float64), recalled.astype(np.float64)


def _density_coverage(real: FloatArray, fake: FloatArray, k: int) -> tuple[FloatArray, FloatArray]:
    radii = neighbour_radii(real, k)
    dense = count_balls(fake, real, radii) / k
    return dense, (nearest_squares(real, fake) <= radii).astype(np.float64)


def _measure(
    scores: _Scores, names: tuple[str, str], real: Any, fake: Any, reference: Any, options: tuple[int, Bootstrap]
) -> tuple[Measurement, Measurement]:
    k, bootstrap = options
    where = f"gantape.evaluation.{'_'.join(names)}"
    if not isinstance(k, int) or k < 1:
        raise RangeError(
            "a ball has to reach at least to the first neighbour.",
            where=f"{where}, argument `k`",
            got=repr(k),
            do="pass a positive integer.",
        )
    first, second, others = as_sets(real, fake, reference, where, least=k + 1)
    found = scores(first, second, k)
    baselines: list[float | None] = [None, None]
    if others is not None:
        baselines = [float(values.mean()) for values in scores(first, others, k)]
    count, features = min(len(first), len(second)), first.shape[1]
    warning = too_few(count, EXAMPLES_PER_FEATURE * features, f" for {features} features")
    one, other = (
        Measurement(name, float(values.mean()), len(second), bootstrap.of_mean(values), baseline, warning).warn()
        for name, values, baseline in zip(names, found, baselines, strict=True)
    )
    return one, other
