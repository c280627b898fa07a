"""Make images with the generator of a finished run, or write its networks for other programs.

The file generator.keras of a run holds the averaged generator, which should be used for samples.
"""

import functools
from pathlib import Path
from typing import Annotated, Any

import attrs
import tyro

import gantape as gt
from gantape.commands.command_line import OptionalPath
from gantape.commands.finished_run import FinishedRun, trained_task
from gantape.commands.program import program_name
from gantape.commands.recipes import RECIPES
from gantape.errors import HyperparameterError
from gantape.export import FormatName, export_task, standalone, write_hub_folder
from gantape.report import SampleGrids, save_picture


@attrs.frozen
class SampleArguments:
    """Make images with the generator of a finished run, or write its networks for other programs.

    Args:
        run: The run's directory.
        count: The approximate number of images, which fill whole rows.
        seed: The seed of the latents.
        output: The PNG file; by default in the run's directory, named after the seed.
        export: Formats in which a network is written to the folder export in the run's directory, instead of making images. It
            takes latents, and labels if it was trained with them, and returns images from 0 to 1. Each file is loaded again by
            the runtime of its format, and compared. Works for runs of classifiers too, from images to probabilities.
        hub_folder: A folder to write for the Hugging Face Hub: the network, in Keras' format and in those of --export, and a
            card with samples and the record of the run.
        part: The network to write, such as "discriminator"; by default the averaged generator, or the model of a classifier.
    """

    run: Annotated[Path, tyro.conf.Positional]
    count: int = 64
    seed: int = 0
    output: OptionalPath = None
    export: tuple[FormatName, ...] = ()
    hub_folder: OptionalPath = None
    part: str = ""

    def __attrs_post_init__(self) -> None:
        writes = bool(self.export) or self.hub_folder is not None
        if self.count < 1:
            raise HyperparameterError(
                "there are no images to make.", where="--count", got=str(self.count), do="give 1 or more."
            )
        if self.part and not writes:
            raise HyperparameterError(
                "a part is named for what is written of a network, and images come from the generator.",
                where="--part",
                got=self.part,
                do="add --export or --hub-folder, or leave --part out.",
            )
        if writes and self.output is not None:
            raise HyperparameterError(
                "no images are made where a network is written.",
                where="--output",
                got=str(self.output),
                do="leave --output out; files are written to the folder export of the run, or to that of --hub-folder.",
            )


def main() -> int:
    """Make the images and write them, or write the networks."""
    arguments = tyro.cli(SampleArguments, prog=program_name(), description=__doc__)
    if arguments.hub_folder is not None:
        model = standalone(trained_task(arguments.run, arguments.part), arguments.part)
        print(write_hub_folder(model, arguments.run, arguments.hub_folder, formats=arguments.export))
        return 0
    if arguments.export:
        task, folder = trained_task(arguments.run, arguments.part), arguments.run / "export"
        print(*export_task(task, folder, arguments.part, formats=arguments.export), sep="\n")
        return 0
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
