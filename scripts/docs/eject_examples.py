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


def digits(labels: bool, pixels: tuple[float, float]) -> gt.data.ArrayBatches:
    """Batches of scikit-learn's digits."""
    return gt.data.digits(batch_size=BATCH_SIZE, labels=labels, pixels=pixels)


def small(task_class: type[gt.Task]) -> Any:
    """A task with small networks."""
    keras.utils.set_random_seed(0)
    return task_class(width=4) if "width" in task_class.__init__.__annotations__ else task_class()  # type: ignore[call-arg]


def of_recipe(name: str) -> tuple[Any, Any]:
    """The task of a recipe, and its data."""
    recipe = RECIPES[name]
    return small(recipe.task_class), recipe.batches(lambda **options: gt.data.digits(**options | {"batch_size": BATCH_SIZE}))


def of_other(name: str) -> tuple[Any, Any]:
    """Another task, and its data."""
    task_class, labels = OTHERS[name]
    return small(task_class), digits(labels, getattr(task_class, "pixels", (0.0, 1.0)))


def image_gan() -> tuple[Any, Any]:
    """A GAN of larger images, and its data."""
    data = digits(False, (-1.0, 1.0))
    images = data.prepare(next(iter(data.examples_in_order())))
    larger = tf.image.resize(images, (32, 32)).numpy()
    return zoo.ImageGAN(image_size=32, channels=1, width=2), gt.data.from_arrays(larger, batch_size=BATCH_SIZE)


def tasks() -> dict[str, Callable[[], tuple[Any, Any]]]:
    """Functions that make every task and its data, by name."""
    recipes = {name: functools.partial(of_recipe, name) for name in RECIPES}
    return {**recipes, **{name: functools.partial(of_other, name) for name in OTHERS}, "image-gan": image_gan}


def row(name: str, make: Callable[[], tuple[Any, Any]]) -> str:
    """One line of the table."""
    try:
        made = gt.eject(*make())
    except gt.errors.EjectError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        got = next(line.removeprefix("got:").strip() for line in lines if line.startswith("got:"))
        return f"{name:14} refused: {lines[0]} {got}"
    found = "equal" if made.check.equal else f"{made.check.share:.0e}"
    return f"{name:14} {found:8} {len(made.text.splitlines()):5} lines"


def main() -> None:
    """Write the programs, their diff and the table."""
    folder = DOCS / "by_hand"
    folder.mkdir(exist_ok=True)
    made = {name: gt.eject(*tasks()[task](), folder / f"{name}.py") for name, task in PROGRAMS.items()}
    for file in folder.glob("*.npz"):
        file.unlink()  # the test of the programs makes them anew
    (folder / "dcgan_to_wgan_gp.diff").write_text(made["dcgan"].diff(made["wgan_gp"]) + "\n", encoding="utf-8")
    rows = [row(name, make) for name, make in tasks().items()]
    (DOCS / "glass/eject.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
