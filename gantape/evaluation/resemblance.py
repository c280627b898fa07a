"""Resemblance of images to real ones: the share that resembles real images, and how many real images they cover."""

from typing import Any

import attrs
import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from gantape.evaluation.measurement import FloatArray, as_features
from gantape.evaluation.neighbours import count_balls, nearest_squares, neighbour_radii
from gantape.shapes import check_shape

NEIGHBOURS = 5
LARGEST_SIDE = 16
"""Images are averaged in blocks, of at least 2×2 pixels, so that neither side is longer."""
_FAINTEST = 1e-3


@attrs.frozen
class ResemblanceFigures:
    """The figures of a set of images among real ones. Compare them at equal N only.

    Args:
        near: The share of images that lie among real ones: no farther from some real image than its fifth neighbour.
        density: Mean number of such balls that contain an image, over 5; about 1 for equal distributions.
        coverage: The share of real images with an image in their ball, which is low if the images do not vary.
        classes: The share of each class among the near images, by the labels of the nearest real images; empty without labels.
    """

    near: float
    density: float
    coverage: float
    classes: tuple[float, ...] = ()


@attrs.frozen(eq=False)
class ImageFeatures:
    """Features of images in which a distance means a visible difference, without a network.

    They are the direction of the averaged pixels from the mean image, the logarithm of their distance from it (contrast), and
    the logarithm of what averaging removes (detail: blur and noise of single pixels). In raw pixels, a blurred image, or the
    mean image itself, would be close to many real ones.

    Args:
        mean: The mean averaged image, flat.
        contrast: The mean distance of a real image from it.
        detail: The mean detail of a real image.
    """

    mean: FloatArray
    contrast: float
    detail: float

    @classmethod
    def of(cls, real: Any) -> "ImageFeatures":
        """Features that are normalised by real images, shape `examples height width channels`."""
        small, detail = _averaged(real)
        mean = small.mean(axis=0)
        return cls(mean, float(np.linalg.norm(small - mean, axis=1).mean()), float(detail.mean()))

    def __call__(self, images: Any) -> FloatArray:
        """The features of images, shape `examples features`."""
        small, detail = _averaged(images)
        offsets = small - self.mean
        lengths = np.linalg.norm(offsets, axis=1)
        directions = offsets / np.maximum(lengths, np.finfo(np.float64).tiny)[:, None]
        return np.column_stack([directions, _log_ratio(lengths, self.contrast), _log_ratio(detail, self.detail)])


@attrs.frozen(eq=False)
class RealImages:
    """Real images to compare others with.

    Args:
        features: Computes the features of images.
        reference: Features of the real images at the centres of balls.
        radii: The squared radii of the balls.
        voters: Features of real images that have labels; empty if they have none.
        labels: Their labels, integers from 0.
    """

    features: ImageFeatures
    reference: FloatArray
    radii: FloatArray
    voters: FloatArray
    labels: np.ndarray[Any, np.dtype[np.int64]]

    @classmethod
    def of(cls, images: Any, labels: Any = None, *, most: int) -> "RealImages":
        """The first `most` images as the reference, and all of them as voters if there are labels."""
        features = ImageFeatures.of(images)
        seen = features(images)
        known = np.asarray([] if labels is None else labels, np.int64)
        return cls(features, seen[:most], neighbour_radii(seen[:most], NEIGHBOURS), seen[: len(known)], known)

    def figures(self, images: Any) -> ResemblanceFigures:
        """The figures of images: of as many as the reference has, and of all for the classes."""
        seen = self.features(images)
        balls = count_balls(seen, self.reference, self.radii)
        classes = self._classes(seen[balls > 0])
        seen, balls = seen[: len(self.reference)], balls[: len(self.reference)]
        covered = nearest_squares(self.reference, seen) <= self.radii
        return ResemblanceFigures(float((balls > 0).mean()), float(balls.mean() / NEIGHBOURS), float(covered.mean()), classes)

    def _classes(self, seen: FloatArray) -> tuple[float, ...]:
        if not len(self.labels):
            return ()
        counts = np.zeros(int(self.labels.max()) + 1)
        if len(seen):
            voters = KNeighborsClassifier(NEIGHBOURS, weights="distance", algorithm="brute").fit(self.voters, self.labels)
            counts += np.bincount(voters.predict(seen), minlength=len(counts)) / len(seen)
        return tuple(counts.tolist())


def _averaged(images: Any) -> tuple[FloatArray, FloatArray]:
    """Block averages of images, flat, and the root mean square of each image's deviation from them."""
    where = "gantape.evaluation.judge_images"
    check_shape(images, "examples height width channels", name="images", where=where)
    array = np.asarray(images, np.float64)
    count, height, width, channels = array.shape
    block = max(2, -(-max(height, width) // LARGEST_SIDE))
    down, across = max(1, height // block), max(1, width // block)
    array = array[:, : down * block, : across * block]
    blocks = array.reshape(count, down, array.shape[1] // down, across, array.shape[2] // across, channels)
    small = blocks.mean(axis=(2, 4), keepdims=True)
    detail = np.sqrt(np.square(blocks - small).mean(axis=(1, 2, 3, 4, 5)))
    return as_features(small.reshape(count, -1), name="images", where=where, least=1), detail


def _log_ratio(values: FloatArray, unit: float) -> FloatArray:
    return np.log(np.maximum(values / max(unit, np.finfo(np.float64).tiny), _FAINTEST))
