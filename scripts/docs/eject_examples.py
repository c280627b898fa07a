"""Write tasks of the zoo as loops by hand: programs and their diff in `docs/by_hand/`, the table `docs/glass/eject.txt`."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import gantape as gt
from gantape import zoo
from gantape.commands.recipes import RECIPES

DOCS = Path(__file__).parents[2] / "docs"
BATCH_SIZE = 8
PROGRAMS = {"classifier": "classifier", "dcgan": "dcgan", "wgan_gp": "wgan-gp", "vae": "autoencoder", "cyclegan": "cyclegan"}
"""The programs of the docs, and their tasks."""

OTHERS: dict[str, tuple[type[gt.Task], bool]] = {
    "guide-dcgan": (zoo.GuideDCGAN, False),
    "classifier": (zoo.DigitClassifier, True),
    "autoencoder": (zoo.VariationalAutoencoder, False),
    "distillation": (zoo.Distillation, True),
    "contrastive": (zoo.SimCLR, False),
    "diffusion": (zoo.Diffusion, False),
}
"""Tasks that no script trains, and whether they need labels."""

OF_IMAGES: dict[str, tuple[type[gt.Task], int]] = {
    "image-gan": (zoo.ImageGAN, 32),
    "resnet-gan": (zoo.ResNetGAN, 32),
    "progressive": (zoo.ProgressiveGAN, 8),
    "style": (zoo.StyleGAN2, 32),
    "fastgan": (zoo.FastGAN, 32),
}
"""Tasks for images of any size, and a size."""


def digits(labels: bool, pixels: tuple[float, float]) -> gt.data.ArrayBatches:
    """Batches of scikit-learn's digits."""
    return gt.data.digits(batch_size=BATCH_SIZE, labels=labels, pixels=pixels)


def small(task_class: type[gt.Task]) -> Any:
    """A task with small networks."""
    keras.utils.set_random_seed(0)
    return task_class(width=4) if "width" in task_class.__init__.__annotations__ else task_class()  # type: ignore[call-arg]


def of_recipe(name: str) -> tuple[Any, Any]:
    """The task of a recipe, and its data."""
    recipe = RECIPES[name]  # type: ignore[index]
    return small(recipe.task_class), recipe.batches(lambda **options: gt.data.digits(**options | {"batch_size": BATCH_SIZE}))


def of_other(name: str) -> tuple[Any, Any]:
    """Another task, and its data."""
    task_class, labels = OTHERS[name]
    return small(task_class), digits(labels, getattr(task_class, "pixels", (0.0, 1.0)))


def of_images(name: str) -> tuple[Any, Any]:
    """A task for larger images, and its data."""
    task_class, size = OF_IMAGES[name]
    data = digits(False, (-1.0, 1.0))
    images = data.prepare(next(iter(data.examples_in_order())))
    larger = tf.image.resize(images, (size, size)).numpy()
    keras.utils.set_random_seed(0)
    task: Any = task_class
    return task(image_size=size, channels=1, width=2), gt.data.from_arrays(larger, batch_size=BATCH_SIZE)


def tasks() -> dict[str, Callable[[], tuple[Any, Any]]]:
    """Functions that make every task and its data, by name."""
    recipes = {str(name): functools.partial(of_recipe, name) for name in RECIPES}
    others: dict[str, Callable[[], tuple[Any, Any]]] = {name: functools.partial(of_other, name) for name in OTHERS}
    return {**recipes, **others, **{name: functools.partial(of_images, name) for name in OF_IMAGES}}


def row(name: str, make: Callable[[], tuple[Any, Any]]) -> str:
    """One line of the table."""
    try:
        made = gt.eject(*make())
    except gt.errors.EjectError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        where, got = (
            next(line.removeprefix(key) for line in lines if line.startswith(key)).strip() for key in ("where:", "got:")
        )
        return f"{name:14} refused: {lines[0]} {where}: {got}"
    found = "equal" if made.check.equal else f"{made.check.share:.0e}"
    return f"{name:14} {found}"


def main() -> None:
    """Write the programs, their diff and the table."""
    folder = DOCS / "by_hand"
    folder.mkdir(exist_ok=True)
    made = {name: gt.eject(*tasks()[task](), folder / f"{name}.py") for name, task in PROGRAMS.items()}
    for file in folder.glob("*.npz"):
        file.unlink()  # the test of the programs makes them anew
    (folder / "dcgan_to_wgan_gp.diff").write_text(made["dcgan"].diff(made["wgan_gp"]) + "\n", encoding="utf-8")
    with (DOCS / "glass/eject.txt").open("w", encoding="utf-8") as table:
        for name, make in tasks().items():
            print(row(name, make), file=table, flush=True)


if __name__ == "__main__":
    main()
