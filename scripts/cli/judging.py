"""Evaluation of samples while a GAN trains."""

import functools
from pathlib import Path

import gantape as gt
from cli.recipes import Recipe
from cli.training_data import load
from gantape import evaluation
from gantape.errors import HyperparameterError


def judging(recipe: Recipe, data: str, when: gt.When, run_dir: Path) -> tuple[gt.Callback, ...]:
    """Judge a few samples, and keep the best generator as `best.keras`.

    Args:
        recipe: The recipe.
        data: The name of its data, whose labels train the judge.
        when: When samples are judged.
        run_dir: The directory of the run.

    Raises:
        HyperparameterError: If its results are no samples of the data.
        DataNotFoundError: If there is no such data with labels.
    """
    if recipe.kind not in ("images", "labels"):
        raise HyperparameterError(
            "only samples can be judged.",
            where="train_gan.py, --judge-every",
            got=f"{recipe.task_class.__name__}, which translates images",
            do="leave --judge-every out.",
        )
    judge = evaluation.train_judge(load(data, 64, None), load(data, 64, None, split="test"))
    held_out = recipe.batches(functools.partial(load, data, shape=None, split="test"))
    return (gt.Callback(evaluation.SampleQuality(judge, held_out, best=run_dir / "best.keras"), when),)
