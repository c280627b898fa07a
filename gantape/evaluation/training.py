"""Training and caching of judges."""

import hashlib
import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from loguru import logger

from gantape._files import cache_folder
from gantape.callbacks import show_progress
from gantape.checkpoints.run_directory import machine
from gantape.compiler import StepCompiler
from gantape.data import ArrayBatches
from gantape.errors import DataError, RangeError
from gantape.evaluation.classifier import JudgeClassifier
from gantape.evaluation.judge import IMAGES_AT_ONCE, Judge
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
        "versions": {name: machine()[name] for name in ("gantape", "tensorflow", "keras")},
    }
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()
    path = (Path(folder) if folder else judges_folder()) / f"judge-{digest}.npz"
    accuracy = _load(path, task)
    if accuracy is None:
        logger.info("training a judge of {} once: about two minutes for MNIST on two cores", train.name)
        accuracy = fit(task, train, test)
        _save(path, task, accuracy)
    judge = Judge(task.model, _hash(task), accuracy, train.name)
    logger.info("{}", judge)
    return judge


def judges_folder() -> Path:
    """The folder of cached judges: that of `GANTAPE_CACHE`, or the user's cache."""
    return cache_folder()


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
    loop = Loop(task, compiler=StepCompiler("graph"), seed=SEED, callbacks=[show_progress("judge")])
    history = loop.run(attrs.evolve(train, batch_size=min(task.batch_size, train.examples)), steps=task.steps)
    if history.last()["step"] != task.steps:
        raise KeyboardInterrupt(
            history.stopped_by
        )  # the loop stops cleanly at a signal; a half-trained judge must not be cached
    return loop.evaluate(attrs.evolve(test, batch_size=min(IMAGES_AT_ONCE, test.examples)))["accuracy"]


def _variables(task: JudgeClassifier) -> list[Any]:
    model: Any = task.model
    return [variable for variable in model.variables if "float" in str(variable.dtype)]


def _hash(task: JudgeClassifier) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for variable in _variables(task):
        digest.update(np.ascontiguousarray(variable.numpy()).data)
    return digest.hexdigest()


def _save(path: Path, task: JudgeClassifier, accuracy: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = [np.array(variable.numpy()) for variable in _variables(task)]
    weights: dict[str, Any] = {f"weight_{number:03d}": value for number, value in enumerate(values)}
    fresh = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(fresh, accuracy=np.float64(accuracy), **weights)
    fresh.replace(path)


def _load(path: Path, task: JudgeClassifier) -> float | None:
    """Read the weights, and return the accuracy; `None` if there is no such file."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = [arrays[f"weight_{number:03d}"] for number in range(len(_variables(task)))]
            accuracy = float(arrays["accuracy"])
            for variable, value in zip(_variables(task), found, strict=True):
                variable.assign(value)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        logger.warning("{} cannot be read; the judge is trained again: {}", path, error)
        return None
    return accuracy
