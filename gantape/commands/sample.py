"""Make images with the generator of a finished run.

The file generator.keras of a run holds the averaged generator, which should be used for samples.
"""

import functools
from pathlib import Path
from typing import Annotated, Any

import attrs
import tyro

import gantape as gt
from gantape.commands.command_line import OptionalPath
from gantape.commands.finished_run import FinishedRun
from gantape.commands.program import program_name
from gantape.commands.recipes import RECIPES
from gantape.report import SampleGrids, save_picture


@attrs.frozen
class SampleArguments:
    """Make images with the generator of a finished run.

    Args:
        run: The run's directory.
        count: The approximate number of images, which fill whole rows.
        seed: The seed of the latents.
        output: The PNG file; by default in the run's directory, named after the seed.
    """

    run: Annotated[Path, tyro.conf.Positional]
    count: int = 64
    seed: int = 0
    output: OptionalPath = None


def main() -> int:
    """Make the images and write them."""
    arguments = tyro.cli(SampleArguments, prog=program_name(), description=__doc__)
    run = FinishedRun(arguments.run)
    output = arguments.output or arguments.run / f"samples-seed-{arguments.seed}.png"
    grids = SampleGrids(output.parent, arguments.seed, arguments.count, _sources(run.task_class))
    save_picture(grids.draw(run.task()), output)
    print(output)
    return 0


def _sources(task_class: type[gt.Task]) -> Any:
    """Embedded digits of the test split, for a task that translates images."""
    recipe = next((recipe for recipe in RECIPES.values() if recipe.task_class is task_class and recipe.kind == "pairs"), None)
    if recipe is None:
        return None
    data = recipe.batches(functools.partial(gt.data.digits, split="test"))
    return data.prepare(next(iter(data.examples_in_order())))
