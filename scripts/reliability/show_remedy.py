"""Show what the noise on the discriminator's input changes: samples of the default without it and with it, for some seeds.

Every run is one of train_gan.py in a process of its own; finished runs are kept below --folder. The page,
before_after.png, is written into --output.
"""

import sys
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import tyro

from gantape.commands import command_line
from reliability.cells import Cell, make_cells, read_cells
from reliability.pages import Tile, draw_page

VARIANTS = {"without noise": ("--instance-noise", "0"), "with noise (the default)": ()}


@attrs.frozen
class Arguments:
    """The runs to make.

    Args:
        folder: The folder for results and samples of the runs.
        output: The folder for the page; by default the same folder.
        data: The training data.
        seeds: The seeds.
        steps: Steps of each run.
    """

    folder: Path = Path("runs/remedy")
    output: command_line.OptionalPath = None
    data: Literal["digits", "mnist"] = "digits"
    seeds: tuple[int, ...] = (0, 3, 4, 6)
    steps: int = 700


def main() -> int:
    """Make missing runs, and draw the page."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    columns = []
    for name, options in VARIANTS.items():
        length = ("--steps", str(arguments.steps))
        cells = [Cell("dcgan", arguments.data, "xla", seed, length, options) for seed in arguments.seeds]
        folder = arguments.folder / name.split(" ")[0]
        make_cells(cells, folder)
        found = read_cells(cells, folder)
        columns.append([Tile(f"{name}, seed {facts['seed']}", facts["good"], (facts["picture"],)) for facts in found])
    draw_page(columns, (arguments.output or arguments.folder) / "before_after.png", zoom=2)
    return 0


if __name__ == "__main__":
    command_line.run_program(main)
