"""Metrics from a classifier's outputs for generated examples: inception score and label accuracy."""

from typing import Any

import numpy as np

from gantape.errors import RangeError, ShapeError
from gantape.evaluation.measurement import Bootstrap, FloatArray, Measurement, as_features, cut_reference, measure_mean, too_few

EXAMPLES_PER_CLASS = 100
_DEFAULT = Bootstrap()


def inception_score(probabilities: Any, *, reference: Any = None, bootstrap: Bootstrap = _DEFAULT) -> Measurement:
    """exp(mean over x of KL(p(y|x) ‖ p(y))), from 1 to the number of classes: are classes distinct, and all present?

    It does not use real examples. One perfect image per class gets the highest score.

    Args:
        probabilities: p(y|x) of generated examples, shape `examples classes`; rows sum to 1.
        reference: The same of real examples, at least as many, for the baseline.
        bootstrap: Settings of the confidence interval.

    Raises:
        ShapeError: If the axes are wrong.
        DataError: If there are fewer than two examples.
        RangeError: If a row is not a probability distribution.

    References:
        Salimans et al. 2016, arXiv 1606.03498, section 4.
    """
    where = "gantape.evaluation.inception_score"
    found = as_probabilities(probabilities, where)
    value = _score(found, np.ones(len(found)))
    resampled = [_score(found, weights) for (weights,) in bootstrap.draws(len(found))]
    baseline = None
    if reference is not None:
        others = as_probabilities(cut_reference(reference, len(found), where), where)
        baseline = _score(others, np.ones(len(others)))
    count, classes = found.shape
    interval = bootstrap.interval(value, resampled, (1.0, float(classes)))
    warning = too_few(count, EXAMPLES_PER_CLASS * classes, f" for {classes} classes")
    return Measurement("inception score", value, count, interval, baseline, warning).warn()


def label_accuracy(
    requested: Any, recognised: Any, *, real_accuracy: float | None = None, bootstrap: Bootstrap = _DEFAULT
) -> Measurement:
    """The share of generated examples in which a judge recognises the requested label.

    Args:
        requested: The requested labels, integers, shape `examples`.
        recognised: The judge's predicted labels, of the same shape.
        real_accuracy: The judge's accuracy on real examples, which is the baseline.
        bootstrap: Settings of the confidence interval.

    Raises:
        ShapeError: If the labels are not two lists of the same length.
    """
    some, others = np.asarray(requested), np.asarray(recognised)
    if some.ndim != 1 or some.shape != others.shape or not len(some):
        raise ShapeError(
            "labels are not two lists of the same length.",
            where="gantape.evaluation.label_accuracy",
            got=f"shapes {some.shape} and {others.shape}",
            do="pass one requested and one recognised label for each example.",
        )
    return measure_mean("label accuracy", (some == others).astype(np.float64), real_accuracy, bootstrap)


def as_probabilities(values: Any, where: str) -> FloatArray:
    """Check rows of probabilities.

    Raises:
        RangeError: If a row holds a negative number, or does not sum to 1.
    """
    rows = as_features(values, name="probabilities", where=where)
    if rows.min() < 0.0 or np.abs(rows.sum(axis=1) - 1.0).max() > 1e-3:
        raise RangeError(
            "a row of probabilities has a negative number, or is not one that sums to 1.",
            where=where,
            got=f"numbers from {rows.min():.4g} to {rows.max():.4g}, sums up to {rows.sum(axis=1).max():.4g}",
            do="pass the classifier's softmax, not its logits.",
        )
    return rows / rows.sum(axis=1, keepdims=True)


def _score(probabilities: FloatArray, weights: FloatArray) -> float:
    mean = weights @ probabilities / weights.sum()
    # 0 · ln 0 is 0.
    each = (
        weights[:, None] * probabilities * np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    ).sum()
    whole = (mean * np.log(mean, out=np.zeros_like(mean), where=mean > 0)).sum()
    return float(np.exp(each / weights.sum() - whole))
