"""Quality of gantape's GANs in comparable figures: mean and standard error over seeds, with the figures of real images.

    python scripts/benchmarks/benchmark_gans.py --rows 'ring-*' 'grid-*'             # every adversarial loss, an hour
    python scripts/benchmarks/benchmark_gans.py --rows mnist-10 mnist-10-guide       # the default against the guide's, an hour
    python scripts/benchmarks/benchmark_gans.py                                      # everything: most of a day

Each row and seed is a cell, kept as a JSON file beside a picture of samples: a benchmark that was stopped goes on where it was.
The rows on digits need MNIST, and a judge that is trained once. Run it on a quiet machine: minutes are part of some rows.
"""

import fnmatch
import sys
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import tyro
from benchmarks.gans import scoreboard
from benchmarks.gans.cells import make_cell, read_cells
from benchmarks.gans.rows import ROWS
from loguru import logger


@attrs.frozen
class Benchmark:
    """Train and judge every row with every seed, and print the table.

    Args:
        rows: The rows, by name or pattern.
        seeds: The seeds.
        folder: The folder for the cells, scoreboard.txt (a table in Markdown) and scoreboard.png.
        steps: Steps in place of each row's own length, for a quick try; the cells then go to a separate folder.
        minutes: Minutes in place of each row's own length, likewise.
    """

    rows: tuple[str, ...] = ("*",)
    seeds: tuple[int, ...] = (0, 1, 2)
    folder: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("benchmarks/gans")
    steps: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    minutes: Annotated[float | None, tyro.conf.arg(metavar="FLOAT")] = None

    def run(self) -> None:
        """Make the missing cells, then the table and the plot of all cells in the folder."""
        chosen = {pattern: fnmatch.filter(ROWS, pattern) for pattern in self.rows}
        unknown = [pattern for pattern, rows in chosen.items() if not rows]
        if unknown:
            sys.exit(f"there is no {', '.join(unknown)}; known are {', '.join(ROWS)}")
        own = {name: value for name, value in (("steps", self.steps), ("minutes", self.minutes)) if value is not None}
        folder = self.folder.joinpath(*(f"{value:g}-{name}" for name, value in own.items()))
        for seed in self.seeds:
            for row in dict.fromkeys(row for rows in chosen.values() for row in rows):
                make_cell(folder, row, seed, own or None)
        cells = read_cells(folder)
        text = scoreboard.table(cells)
        (folder / "scoreboard.txt").write_text(text + "\n")
        scoreboard.plot(cells, folder / "scoreboard.png")
        print(text)


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, format="{time:HH:mm:ss} {message}", filter={"": "INFO", "gantape.callbacks.recorder": "WARNING"})
    logger.enable("gantape")
    tyro.cli(Benchmark, description=__doc__).run()
