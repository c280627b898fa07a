"""Inspect every task of the zoo on its own data, and write seconds and findings: `docs/glass/inspect.txt`."""

import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import keras
import tensorflow as tf
import tyro

import gantape as gt
from gantape import zoo
from gantape.commands.recipes import RECIPES

TABLE = Path(__file__).parents[2] / "docs/glass/inspect.txt"
BATCH_SIZE = 64
OTHERS: dict[str, tuple[type[gt.Task], bool]] = {
    "classifier": (zoo.DigitClassifier, True),
    "autoencoder": (zoo.VariationalAutoencoder, False),
    "distillation": (zoo.Distillation, True),
    "contrastive": (zoo.SimCLR, False),
    "diffusion": (zoo.Diffusion, False),
}
"""Tasks that no script trains, and whether they need labels."""

OF_IMAGES: dict[str, tuple[Any, int]] = {
    "image-gan": (zoo.ImageGAN, 32),
    "resnet-gan": (zoo.ResNetGAN, 32),
    "progressive": (zoo.ProgressiveGAN, 8),
    "style": (zoo.StyleGAN2, 32),
    "fastgan": (zoo.FastGAN, 32),
}
"""Tasks for images of any size, and a size."""


@attrs.frozen
class Arguments:
    """What to inspect.

    Args:
        tasks: The names of the tasks; by default all.
        table: The file for the table.
    """

    tasks: tuple[str, ...] = ()
    table: Path = TABLE


def tasks() -> Iterator[tuple[str, Callable[[], gt.Task], Any]]:
    """The name of each task, what makes it, and its data."""
    for name, recipe in RECIPES.items():
        yield name, recipe.task_class, recipe.batches(gt.data.digits)
    digits = gt.data.digits(batch_size=BATCH_SIZE, labels=False, pixels=(-1.0, 1.0))
    yield "guide-dcgan", zoo.GuideDCGAN, gt.data.digits(batch_size=BATCH_SIZE, labels=False, pixels=zoo.GuideDCGAN.pixels)
    images = digits.prepare(next(iter(digits.examples_in_order())))
    for larger, (task_class, size) in OF_IMAGES.items():
        yield larger, functools.partial(task_class, image_size=size, channels=1), tf.image.resize(images, (size, size))
    for other, (other_class, labels) in OTHERS.items():
        pixels = getattr(other_class, "pixels", (0.0, 1.0))
        yield other, other_class, gt.data.digits(batch_size=BATCH_SIZE, labels=labels, pixels=pixels)


def row(name: str, make: Callable[[], gt.Task], data: Any) -> str:
    """One line of the table."""
    keras.utils.set_random_seed(0)
    task = make()
    begun, cpu = time.perf_counter(), time.process_time()
    seen = gt.inspect(task, data)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    kept = max(sum(update.kept_bytes.values()) for update in seen.updates) / 2**20
    calls = sum(len(update.calls) for update in seen.updates)
    counts = f"{len(seen.updates):7} {calls:5} {len(seen.all_findings):8}"
    return f"{name:14} {counts} {seconds:7.1f} {cpu:11.1f} {kept:15.1f}"


def main(arguments: Arguments) -> None:
    """Inspect the tasks, one after the other, and write the table."""
    head = f"{'task':14} updates calls findings seconds CPU-seconds tape-keeps-MiB"
    lines = [head]
    for name, make, data in tasks():
        if not arguments.tasks or name in arguments.tasks:
            lines.append(row(name, make, data))
            print(lines[-1], flush=True)
    arguments.table.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
