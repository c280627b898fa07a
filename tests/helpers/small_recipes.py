"""The recipes of the scripts, small enough to train in a test."""

import inspect
from typing import Any

import keras

import gantape as gt
from gantape.commands.recipes import RECIPES

SMALL = {"width": 2, "latent_size": 6, "discriminator_updates": 2}

BATCH_SIZE = 4


def small(task_class: type[gt.Task], **hyperparameters: Any) -> Any:
    """The task of a recipe with networks that compile fast."""
    keras.utils.set_random_seed(5)
    fields = inspect.signature(task_class).parameters
    chosen = {name: min(value, fields[name].default) for name, value in SMALL.items() if name in fields}
    return task_class(**chosen | hyperparameters)


def batches(recipe: str, examples: int = 120) -> gt.data.ArrayBatches:
    return RECIPES[recipe].batches(lambda **options: few(examples, **options | {"batch_size": BATCH_SIZE}))


def few(examples: int, **options: Any) -> gt.data.ArrayBatches:
    data = gt.data.digits(**options)
    return data.split(validation=data.examples - examples)[0]
