"""Evaluation of samples while a GAN trains."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
from loguru import logger

import gantape as gt
from gantape import evaluation
from gantape.commands.recipes import Recipe
from gantape.commands.training_data import has_classes, load
from gantape.commands.training_images import images_of_data
from gantape.errors import HyperparameterError, RunDirectoryError

BEST = gt.Best("frechet_distance")
"""The checkpoint to keep."""


def check_judging(recipe: Recipe, data: str, shape: Sequence[int] | None) -> None:
    """Check that samples can be judged.

    Args:
        recipe: The recipe.
        data: The name of its data, or a folder.
        shape: Height, width and channels of its images; `None` if it is for digits only.

    Raises:
        HyperparameterError: If its results are no samples of the data.
        DataNotFoundError: If there is no such data.
    """
    if recipe.kind not in ("images", "labels"):
        raise HyperparameterError(
            "only samples can be judged.",
            where="--judge-every",
            got=f"{recipe.task_class.__name__}, which translates images",
            do="leave --judge-every out.",
        )
    for options in ({"split": "train"}, {"split": "test"}) if has_classes(data, shape) else ({},):
        load(data, 1, shape, **options)


def judging(recipe: Recipe, data: str, shape: Sequence[int] | None, when: gt.When) -> gt.Callback:
    """Judge a few samples: by a classifier of labelled data, or else by features that are learnt from the images.

    Args:
        recipe: The recipe.
        data: The name of its data, or a folder.
        shape: Height, width and channels of its images; `None` if it is for digits only.
        when: When samples are judged.

    Raises:
        HyperparameterError: If its results are no samples of the data.
        DataNotFoundError: If there is no such data.
        DataError: If a folder holds too few images to learn features from.
    """
    check_judging(recipe, data, shape)
    if shape is not None and not has_classes(data, shape):
        images = images_of_data(data, shape)
        network = evaluation.learn_features(images.train, name=images.name)
        scale = gt.data.scale_pixels(*getattr(recipe.task_class, "pixels", (-1.0, 1.0)))
        real = gt.data.from_arrays(images.train, batch_size=min(64, len(images.train)), prepare=scale)
        return gt.Callback(evaluation.SampleQuality(network, real), when)
    judge = evaluation.train_judge(load(data, 64, None), load(data, 64, None, split="test"))
    held_out = recipe.batches(functools.partial(load, data, shape=None, split="test"))
    return gt.Callback(evaluation.SampleQuality(judge, held_out), when)


@attrs.define(eq=False)
class BestGenerator:
    """Saves the averaged generator of the best checkpoint, which is known when the run is over: an action for its end.

    Args:
        run_dir: The run's directory, in which the file is `best.keras`.
    """

    run_dir: Path
    _task: Any = attrs.field(init=False, default=None)

    def __call__(self, progress: gt.Progress) -> None:
        self._task = progress.task

    def close(self) -> None:
        """Save it, unless an error ended the run. The task is not changed."""
        if self._task is None:
            return
        best = type(self._task)(**self._task.hyperparameters)
        try:
            gt.load_best(self.run_dir, best)
        except RunDirectoryError as error:  # such as one whose figures were never finite
            logger.warning("best.keras is not written: {} ({})", error.what, error.got)
            return
        best.averaged_generator.save(self.run_dir / "best.keras")
