"""gantape, as a user runs it: the task of the zoo with its defaults, and `Loop.run`."""

from typing import Any

import gantape as gt
from benchmarks.contenders import Arrays, Contender
from benchmarks.image_gans.settings import BATCH_SIZES, CHANNELS, SIZE, Recipe
from gantape.compiler.programs import Mode
from gantape.zoo import FastGAN, ImageGAN


class Gantape(Contender):
    """A loop that is continued by each `run`.

    Args:
        recipe: The recipe.
        arrays: The images, as bytes.
        mode: How steps are compiled.
    """

    def __init__(self, recipe: Recipe, arrays: Arrays, mode: Mode) -> None:
        prepare = gt.data.scale_pixels(-1.0, 1.0)
        self._data = gt.data.from_arrays(arrays["examples"], batch_size=BATCH_SIZES[recipe], prepare=prepare)
        self._loop = gt.Loop(task(recipe), compiler=gt.StepCompiler(mode), progress=False)

    def run(self, steps: int) -> int:
        self._loop.run(self._data, steps=steps)
        return steps


def task(recipe: Recipe) -> Any:
    """The task of the zoo."""
    return (ImageGAN if recipe == "image-gan" else FastGAN)(image_size=SIZE, channels=CHANNELS)


def contender(workload: Recipe, arrays: Arrays, variant: Any) -> Gantape:
    """A loop of gantape in a mode."""
    return Gantape(workload, arrays, variant)
