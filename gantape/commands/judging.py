"""Evaluation of samples while a GAN trains."""

import functools
from pathlib import Path
from typing import Any

import gantape as gt
from gantape import evaluation
from gantape.commands.recipes import Recipe
from gantape.commands.training_data import load
from gantape.errors import HyperparameterError

BEST = gt.Best("frechet_distance")
"""The checkpoint to keep."""


def check_judging(recipe: Recipe, data: str) -> None:
    """Check that samples can be judged.

    Args:
        recipe: The recipe.
        data: The name of its data, whose labels train the judge.

    Raises:
        HyperparameterError: If its results are no samples of the data.
        DataNotFoundError: If there is no such data with labels.
    """
    if recipe.kind not in ("images", "labels"):
        raise HyperparameterError(
            "only samples can be judged.",
            where="--judge-every",
            got=f"{recipe.task_class.__name__}, which translates images",
            do="leave --judge-every out.",
        )
    for split in ("train", "test"):
        load(data, 64, None, split=split)


def judging(recipe: Recipe, data: str, when: gt.When) -> gt.Callback:
    """Judge a few samples.

    Args:
        recipe: The recipe.
        data: The name of its data, whose labels train the judge.
        when: When samples are judged.

    Raises:
        HyperparameterError: If its results are no samples of the data.
        DataNotFoundError: If there is no such data with labels.
    """
    check_judging(recipe, data)
    judge = evaluation.train_judge(load(data, 64, None), load(data, 64, None, split="test"))
    held_out = recipe.batches(functools.partial(load, data, shape=None, split="test"))
    return gt.Callback(evaluation.SampleQuality(judge, held_out), when)


def save_best_generator(run_dir: Path, task: Any) -> None:
    """Save the averaged generator of a run's best checkpoint as `best.keras`; the task is not changed."""
    best = type(task)(**task.hyperparameters)
    gt.load_best(run_dir, best)
    best.averaged_generator.save(run_dir / "best.keras")
