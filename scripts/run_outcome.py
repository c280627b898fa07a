"""What a finished run of train_gan.py made, judged from outside."""

import functools
from pathlib import Path
from typing import Any

import attrs
import command_line
import numpy as np
from finished_run import KNOWN_DATA, FinishedRun
from recipes import RECIPES, Recipe

import gantape as gt
from gantape import evaluation, zoo
from gantape.errors import RunDirectoryError
from gantape.report import image_grid
from gantape.run_directory import RunDirectory

SHOWN = 12
TRANSLATORS = ("to_a", "to_b")


@attrs.frozen(slots=False)
class RunOutcome:
    """What a finished run made.

    Args:
        path: Its directory.
    """

    path: Path

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """What run.json says."""
        return RunDirectory(self.path).read()

    @functools.cached_property
    def recipe(self) -> Recipe:
        """How it was trained.

        Raises:
            RunDirectoryError: If it is no run of a recipe.
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
        """Its task with trained weights.

        Raises:
            RunDirectoryError: If they are not there.
        """
        if self.recipe.kind != "unpaired":
            return FinishedRun(self.path).task()
        task: Any = zoo.CycleGAN(**self.record["hyperparameters"])
        for part in TRANSLATORS:
            getattr(task, part).set_weights(command_line.load_generator(self.path / f"{part}.keras").get_weights())
        return task

    def data(self, split: str) -> gt.data.ArrayBatches:
        """The data of a split, with labels where the recipe's batches can have them."""
        name = str(self.record.get("data", {}).get("name", "")).split(" ")[0]
        if name not in KNOWN_DATA:
            raise RunDirectoryError(
                "this run was not trained on data that the script knows.",
                where=str(self.path),
                got=name or "no name of data",
                do=f"name a run on {', '.join(KNOWN_DATA)}.",
            )
        load = functools.partial(getattr(gt.data, name), split=split)
        recipe = attrs.evolve(self.recipe, kind="labels") if self.recipe.kind == "images" else self.recipe
        return recipe.batches(load)

    @functools.cached_property
    def judged(self) -> evaluation.Outcome:
        """The verdict."""
        return evaluation.judge_outcome(self.task, self.data("train"), self.data("test"))

    def strip(self) -> np.ndarray[Any, Any]:
        """Twelve images in a row: samples, or six pairs of an image and what was made of it."""
        task = self.task
        if self.recipe.kind in ("images", "labels"):
            return image_grid(evaluation.make_samples(task, SHOWN, 1), columns=SHOWN, pixels=task.pixels)
        data = self.data("test")
        batch = tuple(np.asarray(part)[: SHOWN // 2] for part in data.prepare(next(iter(data.in_order()))))
        made = task.translate(batch)[0] if self.recipe.kind == "unpaired" else task.sample(SHOWN // 2, gt.Noise(1), batch)
        pairs = np.stack([batch[1], np.asarray(made)], axis=1)
        return image_grid(pairs.reshape(-1, *pairs.shape[2:]), columns=SHOWN, pixels=task.pixels)
