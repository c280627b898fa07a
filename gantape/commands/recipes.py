"""The GANs that the programs know by name: task, data and report."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

import gantape as gt
from gantape import evaluation, report, zoo

Kind = Literal["images", "labels", "pairs", "unpaired"]
Name = Literal[
    "dcgan",
    "lsgan",
    "wgan",
    "wgan-gp",
    "dragan",
    "sngan-hinge",
    "ragan",
    "r3gan",
    "pacgan",
    "cgan",
    "projection",
    "acgan",
    "infogan",
    "pix2pix",
    "cyclegan",
]

FolderName = Literal["image-gan", "resnet-gan", "style", "fastgan"]


@attrs.frozen
class Recipe:
    """A task and its data.

    Args:
        task_class: The class to train.
        kind: The contents of a batch: images, images and labels, images and their outlines, or images and others' outlines.
        batch_size: Examples in a batch, by default.
        note: Known failures, for `--help` and docs/outcomes.md, such as "fails on digits with one seed in three".
    """

    task_class: type[gt.Task]
    kind: Kind = "images"
    batch_size: int = 64
    note: str = ""

    def fitted(self, task: Any) -> "Recipe":
        """This recipe, with labels in its batches if the task has classes."""
        classes: Any = getattr(task, "classes", 0)
        return attrs.evolve(self, kind="labels") if classes and self.kind == "images" else self

    def batches(self, load: Callable[..., gt.data.ArrayBatches]) -> gt.data.ArrayBatches:
        """The batches, from a function that takes `batch_size`, `labels` and `pixels` as `gantape.data.mnist` does."""
        data = load(
            batch_size=self.batch_size, labels=self.kind == "labels", pixels=getattr(self.task_class, "pixels", (-1.0, 1.0))
        )
        if self.kind in ("pairs", "unpaired"):
            data = gt.data.with_outlines(data)
        return gt.data.unpaired(data) if self.kind == "unpaired" else data

    def judged(self, task: Any, name: str) -> evaluation.Outcome:
        """Judge the samples of a trained task with `judge_outcome`, which uses no network.

        Args:
            task: The task.
            name: The data that it was trained on, one of `training_data.NAMES`.
        """
        labelled = attrs.evolve(self, kind="labels") if self.kind == "images" else self
        load = getattr(gt.data, name)
        train, test = (labelled.batches(functools.partial(load, split=split)) for split in ("train", "test"))
        return evaluation.judge_outcome(task, train, test)

    def image_shape(self, task: Any) -> tuple[int, ...] | None:
        """Height, width and channels of the training images; `None` if the task is for digits only."""
        return task.generator.output_shape[1:] if self.kind in ("images", "labels") else None

    def callbacks(self, run_dir: Path, data: gt.data.ArrayBatches, seed: int) -> tuple[gt.Callback, ...]:
        """The callbacks that write the report."""
        if self.kind in ("images", "labels"):
            return report.report_adversarial(run_dir, latent_seed=seed)
        examples = data.prepare(next(iter(data.examples_in_order())))
        return report.report_images(run_dir, seed=seed, models=self._models(), examples=examples)

    def _models(self) -> dict[str, str]:
        parts: Any = self.task_class.part_names()
        named = {"averaged_generator": "generator.keras", "discriminator": "discriminator.keras"}
        translators = {name: f"{name}.keras" for name in ("to_a", "to_b", "discriminator_a", "discriminator_b")}
        return {part: file for part, file in {**named, **translators}.items() if part in parts}


RECIPES: dict[Name, Recipe] = {
    "dcgan": Recipe(zoo.DCGAN),
    "lsgan": Recipe(zoo.LSGAN),
    "wgan": Recipe(zoo.WGAN),
    "wgan-gp": Recipe(zoo.WGANGP),
    "dragan": Recipe(zoo.DRAGAN),
    "sngan-hinge": Recipe(zoo.SNGAN),
    "ragan": Recipe(zoo.RaGAN),
    "r3gan": Recipe(zoo.R3GAN),
    "pacgan": Recipe(zoo.PacGAN),
    "cgan": Recipe(zoo.CGAN, "labels"),
    "projection": Recipe(zoo.ProjectionGAN, "labels"),
    "acgan": Recipe(zoo.ACGAN, "labels"),
    "infogan": Recipe(zoo.InfoGAN),
    "pix2pix": Recipe(zoo.Pix2Pix, "pairs", batch_size=16),
    "cyclegan": Recipe(zoo.CycleGAN, "unpaired", batch_size=16),
}
FOLDER_RECIPES: dict[FolderName, Recipe] = {
    "image-gan": Recipe(zoo.ImageGAN),
    "resnet-gan": Recipe(zoo.ResNetGAN),
    "style": Recipe(zoo.StyleGAN2),
    "fastgan": Recipe(zoo.FastGAN, batch_size=16),
}
"""Recipes for folders of images, whose size is a hyper-parameter."""


def task_help(recipes: Mapping[Name, Recipe] = RECIPES) -> str:
    """The help text of `--task`, with known failures by recipe."""
    notes = [f"{name} {recipe.note}" for name, recipe in recipes.items() if recipe.note]
    known = f" Known to fail: {'; '.join(notes)}." if notes else ""
    *names, last = FOLDER_RECIPES
    return (
        f"The kind of GAN; {', '.join(names)} and {last} are for a folder of images, --data FOLDER. Without a task, a "
        "folder's is chosen by the number and the size of its images and by the time, and so are --image-size, --batch-size "
        "and --width."
        f"{known}"
    )
