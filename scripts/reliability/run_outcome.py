"""The outcome of a finished run of train_gan.py, judged by an independent classifier."""

import functools
from pathlib import Path
from typing import Any

import attrs
import numpy as np

import gantape as gt
from gantape import evaluation, zoo
from gantape.checkpoints.run_directory import RunDirectory
from gantape.commands import command_line
from gantape.commands.finished_run import FinishedRun, data_name
from gantape.commands.recipes import RECIPES, Recipe
from gantape.errors import RunDirectoryError
from gantape.report import image_grid

SHOWN = 12
TRANSLATORS = ("to_a", "to_b")


@attrs.frozen(slots=False)
class RunOutcome:
    """The outcome of a finished run.

    Args:
        path: Its directory.
    """

    path: Path

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """The contents of run.json."""
        return RunDirectory(self.path).read()

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The recipe of the run.

        Raises:
            RunDirectoryError: If it is not the run of a recipe.
        """
        found = next((recipe for recipe in RECIPES.values() if recipe.task_class.__name__ == self.record["task"]), None)
        if found is not None:
            return found
        raise RunDirectoryError(
            "this run is none that can be judged here.",
            where=str(self.path),
            got=f"a run of {self.record['task']}",
            do="name a run of a recipe on digits; for others use gantape.evaluation.judge_outcome in a script of your own.",
        )

    @functools.cached_property
    def task(self) -> Any:
        """The task with trained weights.

        Raises:
            RunDirectoryError: If the weights are missing.
        """
        if self.recipe.kind != "unpaired":
            return FinishedRun(self.path).task()
        task: Any = zoo.CycleGAN(**self.record["hyperparameters"])
        for part in TRANSLATORS:
            getattr(task, part).set_weights(command_line.load_generator(self.path / f"{part}.keras").get_weights())
        return task

    @functools.cached_property
    def judged(self) -> evaluation.Outcome:
        """The outcome."""
        return self.recipe.judged(self.task, data_name(self.path, self.record))

    def strip(self) -> np.ndarray[Any, Any]:
        """Twelve images in a row: samples, or six pairs of an image and its translation."""
        task = self.task
        if self.recipe.kind in ("images", "labels"):
            return image_grid(evaluation.make_samples(task, SHOWN, 1), columns=SHOWN, pixels=task.pixels)
        data = self.recipe.batches(functools.partial(getattr(gt.data, data_name(self.path, self.record)), split="test"))
        batch = tuple(np.asarray(part)[: SHOWN // 2] for part in data.prepare(next(iter(data.examples_in_order()))))
        made = (
            task.translate(batch)[0] if self.recipe.kind == "unpaired" else task.sample(SHOWN // 2, gt.RandomStreams(1), batch)
        )
        pairs = np.stack([batch[1], np.asarray(made)], axis=1)
        return image_grid(pairs.reshape(-1, *pairs.shape[2:]), columns=SHOWN, pixels=task.pixels)
