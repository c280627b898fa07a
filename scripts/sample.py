"""Make images with the generator of a finished run.

The file generator.keras of a run holds the averaged generator, from which samples are to be made.
"""

import functools
from pathlib import Path
from typing import Annotated, Any

import attrs
import command_line
import tyro
from recipes import RECIPES

import gantape as gt
from gantape import zoo
from gantape.errors import RunDirectoryError, summary
from gantape.report import SampleGrids, save_picture
from gantape.run_directory import RunDirectory


@attrs.frozen
class Arguments:
    """Make images with the generator of a finished run.

    Args:
        run: The run's directory.
        count: About how many images to make: whole rows of them.
        seed: The seed of the latents.
        output: The PNG file to write; by default in the run's directory, named after the seed.
    """

    run: Annotated[Path, tyro.conf.Positional]
    count: int = 64
    seed: int = 0
    output: command_line.OptionalPath = None


def with_generator(task_class: type[Any], record: dict[str, Any], generator: Any) -> Any:
    """The task of a run, with the weights of its generator.

    Raises:
        RunDirectoryError: If they do not belong together.
    """
    try:
        task = task_class(**record["hyperparameters"])
        task.averaged_generator.set_weights(generator.get_weights())
    except (KeyError, TypeError, ValueError) as error:
        raise RunDirectoryError(
            "the generator is not the one of this run.",
            where=task_class.__name__,
            got=summary(error)[:300],
            do="name the directory of a run of train_gan.py, as it left it.",
        ) from None
    return task


def main() -> int:
    """Make the images and write them."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    record = RunDirectory(arguments.run).read()
    file = arguments.run / "generator.keras"
    task_class = getattr(zoo, str(record["task"]), None)
    if not (isinstance(task_class, type) and issubclass(task_class, gt.AdversarialTask) and file.is_file()):
        raise RunDirectoryError(
            "this run has no generator to make images with.",
            where=str(arguments.run),
            got=f"a run of {record['task']}, {record['status']}",
            do="name the directory of a finished run of train_gan.py.",
        )
    task = with_generator(task_class, record, command_line.load_generator(file))
    output = arguments.output or arguments.run / f"samples-seed-{arguments.seed}.png"
    grids = SampleGrids(output.parent, arguments.seed, arguments.count, _sources(task_class))
    save_picture(grids.draw(task), output)
    print(output)
    return 0


def _sources(task_class: type[gt.Task]) -> Any:
    """Embedded digits of the test split, for a task that translates."""
    recipe = next((recipe for recipe in RECIPES.values() if recipe.task_class is task_class and recipe.kind == "pairs"), None)
    if recipe is None:
        return None
    data = recipe.batches(functools.partial(gt.data.digits, batch_size=64, split="test"))
    return data.prepare(next(iter(data.in_order())))


if __name__ == "__main__":
    command_line.run_script(main)
