"""Count how often training fails, by seed, data and mode; each run is judged by `evaluation.judge_outcome`.

Every run is one of train_gan.py in a process of its own. Its figures are kept in a JSON file below --folder, beside twelve of
its samples; a run that is there is not made again. So two processes with --part 1/2 and --part 2/2, each on a core of its own,
share the work. At the end, failures.txt (a table) and failures.png (samples of every run) are written into --output.
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
from gantape.commands.recipes import Name
from reliability.cells import Cell, tabulate_cells, versions
from reliability.pages import Tile, draw_page

SHOWN = 10
TILE = 32


@attrs.frozen
class Arguments:
    """The runs to count.

    Args:
        folder: The folder for results and samples of the runs.
        output: The folder for the table and the page; by default the same folder.
        recipe: The task of train_gan.py.
        seeds: The number of seeds, from 0.
        steps: Steps of each run.
        data: The training data.
        modes: How steps are compiled.
        part: The part of the runs to make, such as 1/2.
        options: Further flags of train_gan.py, in one string, such as "--learning-rate 1e-3". Use another folder for them.
    """

    folder: Path = Path("runs/failures")
    output: command_line.OptionalPath = None
    recipe: Name = "dcgan"
    seeds: int = 20
    steps: int = 700
    data: tuple[Literal["digits", "mnist", "fashion_mnist"], ...] = ("digits", "mnist")
    modes: tuple[Literal["eager", "graph", "xla"], ...] = ("graph", "xla")
    part: str = "1/1"
    options: str = ""

    def cells(self) -> list[Cell]:
        """The runs, seed by seed, so that a count that is stopped has some of each kind."""
        length, options = ("--steps", str(self.steps)), tuple(self.options.split())
        return [
            Cell(self.recipe, data, mode, seed, length, options)
            for seed in range(self.seeds)
            for data in self.data
            for mode in self.modes
        ]


def table(found: Sequence[dict[str, Any]]) -> str:
    """The counts as a table in Markdown, and below it each failure with its reason."""
    lines = [
        "| data | mode | runs | failed | resemble real ones: lowest | coverage: lowest | smallest class | health warnings in |",
        "|---|---|---|---|---|---|---|---|",
    ]
    kinds = dict.fromkeys((facts["data"], facts["mode"]) for facts in found)
    for data, mode in kinds:
        runs = [facts for facts in found if (facts["data"], facts["mode"]) == (data, mode)]
        judged = [facts["samples"] for facts in runs if "samples" in facts]
        lowest = [
            f"{100 * min(values):.0f} %" if (values := [value for figures in judged for value in pick(figures)]) else ""
            for pick in (lambda figures: [figures["near"]], lambda figures: [figures["coverage"]], lambda f: f["classes"])
        ]
        failed, warned = (
            sum(map(bool, marks)) for marks in zip(*((not r["good"], r.get("health")) for r in runs), strict=True)
        )
        lines.append(f"| {data} | {mode} | {len(runs)} | {failed} | {' | '.join(lowest)} | {warned} |")
    lines += ["", f"{sum(not facts['good'] for facts in found)} of {len(found)} runs failed."]
    lines += [f"\n- {_name(facts)}: {facts['reason']}" for facts in found if not facts["good"]]
    if found:
        minutes = sum(facts["cpu_minutes"] for facts in found)
        lines += ["", f"Command of the first run: `{found[0]['command_line']}`. All together took {minutes:.0f} CPU minutes,"]
        lines += [f"judging included. {versions(found)}."]
    return "\n".join(lines) + "\n"


def page(found: Sequence[dict[str, Any]], path: Path) -> None:
    """Ten samples of every run, a column for each data and mode."""
    kinds = dict.fromkeys((facts["data"], facts["mode"]) for facts in found)
    columns = [[_tile(facts) for facts in found if (facts["data"], facts["mode"]) == kind] for kind in kinds]
    draw_page(columns, path, crop=SHOWN * TILE)


def _name(facts: dict[str, Any]) -> str:
    return f"{facts['data']}, {facts['mode']}, seed {facts['seed']}"


def _tile(facts: dict[str, Any]) -> Tile:
    return Tile(_name(facts) + ("" if facts["good"] else ": failed"), facts["good"], (facts["picture"],))


def main() -> int:
    """Make missing runs, and write the table and the page. The exit code is 1 if a run failed."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    output = arguments.output or arguments.folder
    found = tabulate_cells(arguments.cells(), arguments.folder, arguments.part, table, output / "failures.txt")
    page(found, output / "failures.png")
    return int(not all(facts["good"] for facts in found))


if __name__ == "__main__":
    command_line.run_program(main)
