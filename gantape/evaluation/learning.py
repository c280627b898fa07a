"""Learning features from images without labels, once."""

from pathlib import Path
from typing import Any

import attrs
import numpy as np
from loguru import logger

from gantape.data import from_arrays, scale_pixels
from gantape.errors import DataError, counted
from gantape.evaluation.cache import cached_file, identity_of, load_weights, save_weights
from gantape.evaluation.features import FeatureNetwork
from gantape.evaluation.training import train_fully
from gantape.evaluation.transformations import DEGRADATIONS, TransformationClassifier

FEWEST_IMAGES = 20
SMALLEST_SIDE = 8


def learn_features(
    images: Any, *, name: str = "images", folder: str | Path | None = None, classifier: TransformationClassifier | None = None
) -> FeatureNetwork:
    """Learn features from images that need no labels, or load them from the cache.

    A small classifier learns to recognise how the images were turned and degraded; see `TransformationClassifier`. It takes
    half a minute for images of 32×32 on two cores, and four times as long for each doubling of the sides. The name of the
    cached file is a hash of the classifier's hyper-parameters, the images and the versions of gantape, TensorFlow and Keras;
    the file holds arrays only.

    Args:
        images: Training images as bytes, shape `examples height width channels`.
        name: Their name, for the log and for results.
        folder: Folder of the cache; by default that of the environment variable `GANTAPE_CACHE`, else the user's cache.
        classifier: The classifier to train; by default one that fits the images.

    Raises:
        DataError: If these are no images as bytes, or fewer than 20, or their sides are shorter than 8 pixels.
        KeyboardInterrupt: If a signal ended the training.
    """
    stored = _checked(images)
    if classifier is None:
        height, width, channels = stored.shape[1:]
        task = TransformationClassifier(height=height, width=width, channels=channels)
    else:
        task = TransformationClassifier(**classifier.hyperparameters)
    size = min(task.batch_size, len(stored))
    data = from_arrays(stored, batch_size=size, prepare=scale_pixels(), name=name)
    settings = {"hyperparameters": task.hyperparameters, "images": data.describe()["checksum"]}
    path, models = cached_file("features", settings, folder), [task.network, task.head]
    known = load_weights(path, models, "turns", "degradations")
    if known is None:
        logger.info("learning features of {} once, without labels", name)
        known = _fit(task, data)
        save_weights(path, models, turns=known[0], degradations=known[1])
    turns, degradations = known
    found = FeatureNetwork(
        task.network,
        identity_of([task.network]),
        f"learnt from {len(stored):,} images of {name} without labels (turns recognised {turns:.0%}, by chance "
        f"{1 / task.turns:.0%}; degradations {degradations:.0%}, by chance {1 / len(DEGRADATIONS):.0%})",
        f"batch {task.height} {task.width} {task.channels}",
    )
    logger.info("{}", found)
    return found


def _checked(images: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    array = np.asarray(images)
    if array.ndim != 4 or array.dtype != np.uint8 or min(array.shape[1:3]) < SMALLEST_SIDE:
        raise DataError(
            f"features are learnt from images of {SMALLEST_SIDE}×{SMALLEST_SIDE} pixels or more.",
            where="gantape.evaluation.learn_features, argument `images`",
            got=f"{array.dtype} of shape {array.shape}",
            do="pass bytes, np.uint8, with the axes (examples, height, width, channels).",
        )
    if len(array) < FEWEST_IMAGES:
        raise DataError(
            f"features are learnt from at least {FEWEST_IMAGES} images.",
            where="gantape.evaluation.learn_features, argument `images`",
            got=counted(len(array), "image"),
            do="look at samples beside the images instead, or collect more images.",
        )
    return array


def _fit(task: TransformationClassifier, data: Any) -> tuple[float, float]:
    """Train, and return the shares of turns and of degradations that are recognised in the training images."""
    loop = train_fully(task, data, "features")
    measured = loop.evaluate(attrs.evolve(data, batch_size=min(500, data.examples)))
    return measured["turn_accuracy"], measured["degradation_accuracy"]
