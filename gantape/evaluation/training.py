"""Training and caching of judges."""

from pathlib import Path

import attrs
import numpy as np
from loguru import logger

from gantape.callbacks import show_progress
from gantape.compiler import StepCompiler
from gantape.data import ArrayBatches
from gantape.errors import DataError, RangeError
from gantape.evaluation.cache import cached_file, identity_of, load_weights, save_weights
from gantape.evaluation.classifier import JudgeClassifier
from gantape.evaluation.judge import IMAGES_AT_ONCE, Judge
from gantape.evaluation.transformations import TransformationClassifier
from gantape.loop import Loop

SEED = 0


def train_judge(
    train: ArrayBatches, test: ArrayBatches, *, folder: str | Path | None = None, classifier: JudgeClassifier | None = None
) -> Judge:
    """Train a judge on a data set, or load it from the cache.

    The name of a judge's file is a hash of the classifier's hyper-parameters, the data's checksums and the versions of
    gantape, TensorFlow and Keras. The file holds arrays only: nothing in it is executed.

    Args:
        train: Batches `(images, labels)`, with pixels from 0 to 1 and labels from 0 on.
        test: More of them, to measure the accuracy.
        folder: Folder of the cache; by default that of the environment variable `GANTAPE_CACHE`, else the user's cache.
        classifier: The classifier to train; by default one that fits the images.

    Raises:
        DataError: If the batches are not images with labels.
        RangeError: If the pixels do not lie between 0 and 1.
    """
    task = classifier_for(train, classifier)
    settings = {
        "classifier": type(task).__name__,
        "hyperparameters": task.hyperparameters,
        "train": train.describe()["checksum"],
        "test": test.describe()["checksum"],
    }
    path = cached_file("judge", settings, folder)
    known = load_weights(path, [task.model], "accuracy")
    if known is None:
        logger.info("training a judge of {} once: about two minutes for MNIST on two cores", train.name)
        accuracy = fit(task, train, test)
        save_weights(path, [task.model], accuracy=accuracy)
    else:
        (accuracy,) = known
    judge = Judge(task.model, identity_of([task.model]), accuracy, train.name)
    logger.info("{}", judge)
    return judge


def check_labelled(data: ArrayBatches, where: str) -> tuple[tuple[int, ...], int]:
    """Check images with labels, and return the shape of an image and the number of classes."""
    arrays = data.arrays
    if not isinstance(arrays, tuple) or len(arrays) != 2 or arrays[0].ndim != 4 or arrays[1].ndim != 1:
        raise DataError(
            "a judge is trained on images with labels.",
            where=where,
            got=f"a batch of {type(arrays).__name__}",
            do="make the batches from a pair: images, (examples, height, width, channels), and labels, (examples,).",
        )
    images = np.asarray(data.prepare((arrays[0][:IMAGES_AT_ONCE], arrays[1][:IMAGES_AT_ONCE]))[0])
    if images.min() < 0.0 or images.max() > 1.0:
        raise RangeError(
            "a judge needs pixels from 0 to 1.",
            where=where,
            got=f"values from {images.min():g} to {images.max():g}",
            do="scale them: prepare=gantape.data.scale_pixels() for bytes.",
        )
    return arrays[0].shape[1:], int(arrays[1].max()) + 1


def classifier_for(train: ArrayBatches, classifier: JudgeClassifier | None) -> JudgeClassifier:
    """A classifier with its initial weights."""
    shape, classes = check_labelled(train, "gantape.evaluation, the training data of a judge")
    if classifier is None:
        return JudgeClassifier(height=shape[0], width=shape[1], channels=shape[2], classes=classes)
    return JudgeClassifier(**classifier.hyperparameters)


def fit(task: JudgeClassifier, train: ArrayBatches, test: ArrayBatches) -> float:
    """Train, and return the accuracy on the test split.

    Raises:
        KeyboardInterrupt: If a signal ended the training.
    """
    loop = train_fully(task, attrs.evolve(train, batch_size=min(task.batch_size, train.examples)), "judge")
    return loop.evaluate(attrs.evolve(test, batch_size=min(IMAGES_AT_ONCE, test.examples)))["accuracy"]


def train_fully(task: JudgeClassifier | TransformationClassifier, data: ArrayBatches, name: str) -> Loop:
    """Train a network for metrics for all of its steps, and return the loop.

    Raises:
        KeyboardInterrupt: If a signal ended the training: a network that is trained by half must not be cached.
    """
    loop = Loop(task, compiler=StepCompiler("graph"), seed=SEED, callbacks=[show_progress(name)])
    history = loop.run(data, steps=task.steps)
    if history.last()["step"] != task.steps:
        raise KeyboardInterrupt(history.stopped_by)
    return loop
