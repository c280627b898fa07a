"""Make images with the generator of a finished run.

The file generator.keras of a run holds the averaged generator, from which samples are to be made.
"""

from pathlib import Path
from typing import Annotated, Any

import attrs
import command_line
import keras
import tyro

import gantape as gt
from gantape.errors import RunDirectoryError, summary
from gantape.report import image_grid, save_picture
from gantape.run_directory import RunDirectory


@attrs.frozen
class Arguments:
    """Make images with the generator of a finished run.

    Args:
        run: The run's directory.
        count: How many images to make.
        seed: The seed of the latents.
        output: The PNG file to write; by default in the run's directory, named after the seed.
    """

    run: Annotated[Path, tyro.conf.Positional]
    count: int = 64
    seed: int = 0
    output: command_line.OptionalPath = None


def load_generator(file: Path) -> Any:
    """Read a generator of anyone's: no code of the file's is run.

    Raises:
        RunDirectoryError: If it cannot be read, or would run code.
    """
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises what its layers raise
        raise RunDirectoryError(
            "the generator cannot be read.",
            where=str(file),
            got=summary(error)[:300],
            do="name the directory of a run of train_gan.py; its layers have to be those of Keras.",
        ) from None


def main() -> int:
    """Make the images and write them."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    record = RunDirectory(arguments.run).read()
    file = arguments.run / "generator.keras"
    if "pixels" not in record or not file.is_file():
        raise RunDirectoryError(
            "this run has no generator to make images with.",
            where=str(arguments.run),
            got=f"a run of {record['task']}, {record['status']}",
            do="name the directory of a finished run of train_gan.py.",
        )
    generator = load_generator(file)
    latents = gt.Noise(arguments.seed).normal("samples", [arguments.count, generator.input_shape[-1]])
    output = arguments.output or arguments.run / f"samples-seed-{arguments.seed}.png"
    save_picture(image_grid(generator(latents, training=False), pixels=tuple(record["pixels"])), output)
    print(output)
    return 0


if __name__ == "__main__":
    command_line.run_script(main)
