"""Train every recipe briefly with several seeds and judge each run: a table, and a page for each data set.

Every run is one of train_gan.py in a process of its own. Its figures are kept in a JSON file below --folder, beside twelve of
its samples; a run that is there is not made again. So two processes with --part 1/2 and --part 2/2, each on a core of its own,
share the work: start them with `taskset -c 0` and `taskset -c 1`. What --minutes are worth depends on the machine and on what
else runs there, so only the first seed is trained for that time, and the others for as many steps as it made; --steps makes the
same runs anywhere. Later seeds of a run that the other process has not finished yet are left for the next start. At the end,
recipes.txt (a table) and a page for each data set, such as recipes_digits.png, are written into --output.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import tyro

from gantape.commands import command_line
from gantape.commands.recipes import RECIPES, Name
from reliability.cells import Cell, make_cells, read_cells, tabulate_cells, versions
from reliability.pages import Tile, draw_page


@attrs.frozen
class Arguments:
    """The runs to make.

    Args:
        folder: The folder for results and samples of the runs.
        output: The folder for the table and the pages; by default the same folder.
        recipes: The recipes; all by default.
        seeds: The number of seeds, from 0.
        minutes: Minutes of each recipe's first run, unless --steps is given.
        steps: Steps of each run.
        data: The training data.
        mode: How steps are compiled.
        part: The part of the runs to make, such as 1/2.
    """

    folder: Path = Path("runs/recipes")
    output: command_line.OptionalPath = None
    recipes: tuple[Name, ...] = tuple(RECIPES)
    seeds: int = 3
    minutes: float = 2.0
    steps: command_line.OptionalInt = None
    data: tuple[Literal["digits", "mnist", "fashion_mnist"], ...] = ("digits", "mnist")
    mode: Literal["eager", "graph", "xla", "auto"] = "xla"
    part: str = "1/1"

    def first_cells(self) -> list[Cell]:
        """The runs with the first seed."""
        length = ("--minutes", f"{self.minutes:g}") if self.steps is None else ("--steps", str(self.steps))
        return [Cell(recipe, data, self.mode, 0, length) for recipe in self.recipes for data in self.data]

    def cells(self) -> list[Cell]:
        """All runs, seed by seed; for later seeds, those whose first run is finished."""
        first = self.first_cells()
        finished = [(cell, facts) for cell in first for facts in read_cells([cell], self.folder) if "steps" in facts]
        later = [
            attrs.evolve(cell, seed=seed, length=("--steps", str(facts["steps"])))
            for seed in range(1, self.seeds)
            for cell, facts in finished
        ]
        return [*first, *later]


def table(found: Sequence[dict[str, Any]]) -> str:
    """The runs as a table in Markdown, a line for each recipe, data set and seed."""
    lines = [
        "| recipe | data | seed | verdict | resemble real ones | coverage | classes | steps | CPU minutes |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for facts in sorted(found, key=lambda facts: (list(RECIPES).index(facts["recipe"]), facts["data"], facts["seed"])):
        verdict = "good" if facts["good"] else f"**{_short(facts['reason'])}**"
        lines.append(
            f"| {facts['recipe']} | {facts['data']} | {facts['seed']} | {verdict} | {' | '.join(_figures(facts))} | "
            f"{facts.get('steps', 0):,} | {facts['cpu_minutes']:.1f} |"
        )
    lines += ["", f"{sum(not facts['good'] for facts in found)} of {len(found)} runs are judged bad. {versions(found)}."]
    return "\n".join(lines) + "\n"


def draw(found: Sequence[dict[str, Any]], data: str, path: Path) -> None:
    """The page of a data set: two columns of recipes, a row of twelve images for each seed."""
    tiles = [_tile([facts for facts in found if facts["recipe"] == name and facts["data"] == data]) for name in RECIPES]
    shown = [tile for tile in tiles if tile is not None]
    half = -(-len(shown) // 2)
    draw_page([column for column in (shown[:half], shown[half:]) if column], path, zoom=2)


def _short(reason: str) -> str:
    return reason.removeprefix("Bad: ").removesuffix(".").split(", where")[0]


def _figures(facts: dict[str, Any]) -> list[str]:
    """Each figure, with that of real images in brackets."""
    if "samples" not in facts:
        return ["", "", ""]
    made, real = facts["samples"], facts["real"]
    shares = [100.0 * share for share in made["classes"]]
    classes = f"{min(shares):.0f} to {max(shares):.0f} %" if shares else ""
    return [*(f"{100 * made[name]:.0f} % ({100 * real[name]:.0f} %)" for name in ("near", "coverage")), classes]


def _tile(runs: Sequence[dict[str, Any]]) -> Tile | None:
    if not runs:
        return None
    bad = [str(facts["seed"]) for facts in runs if not facts["good"]]
    verdict = f"bad with seed {', '.join(bad)}" if bad else "good"
    steps = " to ".join(f"{steps:,}" for steps in sorted({facts.get("steps", 0) for facts in runs})[:: max(1, len(runs) - 1)])
    return Tile(f"{runs[0]['recipe']}: {verdict}; {steps} steps", not bad, tuple(facts["picture"] for facts in runs))


def main() -> int:
    """Make missing runs, and write the table and the pages. The exit code is 1 if a run is bad."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    output = arguments.output or arguments.folder
    make_cells(arguments.first_cells(), arguments.folder, arguments.part)
    found = tabulate_cells(arguments.cells(), arguments.folder, arguments.part, table, output / "recipes.txt")
    for data in arguments.data:
        draw(found, data, output / f"recipes_{data}.png")
    return int(not all(facts["good"] for facts in found))


if __name__ == "__main__":
    command_line.run_program(main)
