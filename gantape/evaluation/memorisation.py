"""Memorisation and diversity: nearest training examples, and distances between samples."""

from typing import Any

import attrs
import numpy as np
from sklearn.neighbors import NearestNeighbors

from gantape.evaluation.measurement import Bootstrap, FloatArray, Measurement, as_features, cut_reference, same_width

_DEFAULT = Bootstrap()
FEWEST_EXAMPLES = 100


@attrs.frozen(eq=False)
class Neighbours:
    """The nearest training examples of generated ones, nearest first.

    Args:
        indices: Their indices in the training set, shape `examples neighbours`.
        distances: Their Euclidean distances, of the same shape.
    """

    indices: np.ndarray[Any, np.dtype[np.int64]]
    distances: FloatArray


def nearest_training(fake: Any, training: Any, *, neighbours: int = 1) -> Neighbours:
    """The nearest training examples of generated ones.

    Args:
        fake: Generated examples, shape `examples features`; pixels or features.
        training: Training examples, of the same features.
        neighbours: Number of neighbours of each example.

    Raises:
        ShapeError: If the sets do not have the axes `examples features`, or differ in features.
        DataError: If there are no examples, or fewer training examples than neighbours.
        RangeError: If a number is not finite.
    """
    where = "gantape.evaluation.nearest_training"
    found = as_features(fake, name="generated examples", where=where, least=1)
    known = as_features(training, name="training examples", where=where, least=neighbours)
    same_width(known, found, where)
    distances, indices = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(known).kneighbors(found)
    return Neighbours(indices, distances)


def training_distance(fake: Any, training: Any, *, reference: Any = None, bootstrap: Bootstrap = _DEFAULT) -> Measurement:
    """The mean distance from a generated example to the nearest training example, to detect memorisation.

    Copies have a distance of 0. The baseline is that of real examples that were not trained on: well below it, the training set
    is copied; above it, samples are unrealistic. In pixels, a blurred copy can be far away: measure in features too.

    Args:
        fake: Generated examples, shape `examples features`; pixels or features.
        training: Training examples, of the same features.
        reference: Real examples that were not trained on, at least as many as generated ones.
        bootstrap: Settings of the confidence interval.

    Raises:
        ShapeError: If the sets do not have the axes `examples features`, or differ in features.
        DataError: If a set has no example.
        RangeError: If a number is not finite.

    References:
        Meehan et al. 2020, arXiv 2004.05675, on tests for copying.
    """
    distances = nearest_training(fake, training).distances[:, 0]
    baseline = None
    if reference is not None:
        others = cut_reference(reference, len(distances), "gantape.evaluation.training_distance")
        baseline = float(nearest_training(others, training).distances.mean())
    return _mean("training distance", distances, baseline, bootstrap)


def latent_diversity(fake: Any, *, reference: Any = None, bootstrap: Bootstrap = _DEFAULT) -> Measurement:
    """The mean distance between the features of two examples from independent latents; 0 for total collapse.

    Each example is in one pair, drawn with the seed of `bootstrap`, so that pairs are independent.

    Args:
        fake: Features of generated examples, one independent latent each, shape `examples features`.
        reference: Features of real examples, at least as many, for the baseline, which is the ideal value.
        bootstrap: Settings of the confidence interval, and the seed of the pairs.

    Raises:
        ShapeError: If the sets do not have the axes `examples features`, or differ in features.
        DataError: If there are fewer than two examples.
        RangeError: If a number is not finite.

    References:
        Mao et al. 2019, arXiv 1903.05628, on distances between images over those between latents.
    """
    where = "gantape.evaluation.latent_diversity"
    found = as_features(fake, name="generated examples", where=where)
    baseline = None
    if reference is not None:
        others = cut_reference(reference, len(found), where)
        same_width(found, others, where)
        baseline = float(pair_distances(others, bootstrap.seed).mean())
    return _mean("latent diversity", pair_distances(found, bootstrap.seed), baseline, bootstrap, len(found))


def pair_distances(features: FloatArray, seed: int) -> FloatArray:
    """Distances within random pairs of examples; each example is in one pair."""
    order = np.random.default_rng(seed).permutation(len(features))
    half = len(features) // 2
    return np.sqrt(np.square(features[order[:half]] - features[order[half : 2 * half]]).sum(axis=1))


def _mean(name: str, values: FloatArray, baseline: float | None, bootstrap: Bootstrap, count: int | None = None) -> Measurement:
    count = count or len(values)
    few = f"{count} examples are few: take at least {FEWEST_EXAMPLES}." if count < FEWEST_EXAMPLES else ""
    return Measurement(name, float(values.mean()), count, bootstrap.of_mean(values), baseline, few).warn()
