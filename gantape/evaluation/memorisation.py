"""Memorisation and diversity: nearest training examples, and distances between samples."""

from typing import Any

import attrs
import numpy as np
from sklearn.neighbors import NearestNeighbors

from gantape.evaluation.measurement import (
    Bootstrap,
    FloatArray,
    Measurement,
    as_features,
    cut_reference,
    measure_mean,
    same_width,
)

_DEFAULT = Bootstrap()


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


def training_distance(
    fake: Any, training: Any, *, reference: Any = None, leave_one_out: bool = False, bootstrap: Bootstrap = _DEFAULT
) -> Measurement:
    """The mean distance from a generated example to the nearest training example, to detect memorisation.

    Copies have a distance of 0. The baseline is that of real examples that were not trained on: well below it, the training set
    is copied; above it, samples are unrealistic. In pixels, a blurred copy can be far away: measure in features too.

    Args:
        fake: Generated examples, shape `examples features`; pixels or features.
        training: Training examples, of the same features.
        reference: Real examples that were not trained on, at least as many as generated ones.
        leave_one_out: Without `reference`, take the distance from each training example to its nearest other as the baseline.
        bootstrap: Settings of the confidence interval.

    Raises:
        ShapeError: If the sets do not have the axes `examples features`, or differ in features.
        DataError: If a set has no example, or the baseline needs more.
        RangeError: If a number is not finite.

    References:
        Meehan et al. 2020, arXiv 2004.05675, on tests for copying.
    """
    distances = nearest_training(fake, training).distances[:, 0]
    baseline = None
    if reference is not None:
        others = cut_reference(reference, len(distances), "gantape.evaluation.training_distance")
        baseline = float(nearest_training(others, training).distances.mean())
    elif leave_one_out:
        baseline = float(_nearest_others(training, "gantape.evaluation.training_distance").distances[:, 0].mean())
    return measure_mean("training distance", distances, baseline, bootstrap)


def authenticity(
    fake: Any, training: Any, *, reference: Any = None, leave_one_out: bool = False, bootstrap: Bootstrap = _DEFAULT
) -> Measurement:
    """The share of generated examples that are no copies, where a copy is closer to a training example than any other is.

    A generated example is authentic if it is farther from the nearest training example than that one is from its own nearest
    other training example. So distances are compared where they are: sparse regions may have large ones. It is 0 for copies.
    Real examples that were not trained on reach about a half, not 1; noise, which is far from everything, reaches 1.

    Args:
        fake: Generated examples, shape `examples features`; pixels or features.
        training: Training examples, of the same features, at least three.
        reference: Real examples that were not trained on, at least as many as generated ones, for the baseline.
        leave_one_out: Without `reference`, take each training example among the others as the baseline.
        bootstrap: Settings of the confidence interval.

    Raises:
        ShapeError: If the sets do not have the axes `examples features`, or differ in features.
        DataError: If there are no generated examples, or fewer than three training examples.
        RangeError: If a number is not finite.

    References:
        Alaa et al. 2022, arXiv 2102.08921, section 3.3.
    """
    where = "gantape.evaluation.authenticity"
    others = _nearest_others(training, where)

    def shares(examples: Any) -> FloatArray:
        nearest = nearest_training(examples, training)
        return (nearest.distances[:, 0] > others.distances[nearest.indices[:, 0], 0]).astype(np.float64)

    authentic, baseline = shares(fake), None
    if reference is not None:
        baseline = float(shares(cut_reference(reference, len(authentic), where)).mean())
    elif leave_one_out:
        nearest, rows = others.indices[:, 0], np.arange(len(others.indices))
        # Of a training example's neighbours, the one that is left out does not count.
        radii = np.where(others.indices[nearest, 0] == rows, others.distances[nearest, 1], others.distances[nearest, 0])
        baseline = float((others.distances[:, 0] > radii).mean())
    return measure_mean("authenticity", authentic, baseline, bootstrap)


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
    distances = pair_distances(found, bootstrap.seed)
    return measure_mean("latent diversity", distances, baseline, bootstrap, count=len(found))


def _nearest_others(training: Any, where: str) -> Neighbours:
    """The two nearest other training examples of each training example."""
    known = as_features(training, name="training examples", where=where, least=3)
    found = nearest_training(known, known, neighbours=3)
    is_itself = found.indices == np.arange(len(known))[:, None]
    order = np.argsort(is_itself, axis=1, kind="stable")[:, :2]
    return Neighbours(np.take_along_axis(found.indices, order, axis=1), np.take_along_axis(found.distances, order, axis=1))


def pair_distances(features: FloatArray, seed: int) -> FloatArray:
    """Distances within random pairs of examples; each example is in one pair."""
    order = np.random.default_rng(seed).permutation(len(features))
    half = len(features) // 2
    return np.sqrt(np.square(features[order[:half]] - features[order[half : 2 * half]]).sum(axis=1))
