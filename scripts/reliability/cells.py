"""One run of train_gan.py in a table of runs: trained and judged once, saved as a JSON file and a picture."""

import json
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from loguru import logger

from gantape.checkpoints.run_directory import machine
from gantape.report import save_picture
from reliability.run_outcome import RunOutcome

TRAIN = Path(__file__).parents[1] / "train_gan.py"
SIGNALLED = (130, 143)


@attrs.frozen
class Cell:
    """A run of the table.

    Args:
        recipe: The task of train_gan.py.
        data: The training data.
        mode: How steps are compiled.
        seed: The seed of everything.
        length: The flag that ends the run, such as `--steps 700`.
        options: Further flags.
    """

    recipe: str
    data: str
    mode: str
    seed: int
    length: tuple[str, str]
    options: tuple[str, ...] = ()

    def path(self, folder: Path) -> Path:
        """The file of the cell."""
        flag, value = self.length
        return folder / f"{self.recipe}-{self.data}-{self.mode}-{value}-{flag.strip('-')}-seed-{self.seed}.json"

    def command(self, run_dir: Path) -> list[str]:
        """The command that trains it."""
        what = ["--task", self.recipe, "--data", self.data, "--mode", self.mode, "--seed", str(self.seed)]
        return [sys.executable, str(TRAIN), *what, *self.length, *self.options, "--run-dir", str(run_dir)]


def make_cell(cell: Cell, folder: Path) -> dict[str, Any]:
    """Train a cell in its own process, judge it and save it, unless its file exists.

    A run that ends with an error is saved as well, and counts as bad.

    Raises:
        SystemExit: If a signal ended the training; nothing is saved then.
    """
    path = cell.path(folder)
    if path.is_file():
        return json.loads(path.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    started, spent = time.perf_counter(), _cpu_seconds()
    with tempfile.TemporaryDirectory() as work:
        run_dir = Path(work, "run")
        done = subprocess.run(cell.command(run_dir), capture_output=True, text=True, check=False)
        if done.returncode in SIGNALLED or done.returncode < 0:
            sys.exit(f"stopped by a signal: {path} is not written")
        facts: dict[str, Any] = {
            **attrs.asdict(cell),
            "minutes": round((time.perf_counter() - started) / 60.0, 2),
            "cpu_minutes": round((_cpu_seconds() - spent) / 60.0, 2),
            "command_line": shlex.join(["python", f"scripts/{TRAIN.name}", *cell.command(Path("run"))[2:]]),
            "versions": machine(),
        }
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            facts |= {"good": False, "reason": f"Bad: train_gan.py exited with {done.returncode}: {last.strip()[:300]}"}
        else:
            run = RunOutcome(run_dir)
            facts |= {"steps": run.record["steps"], "health": run.record.get("health", []), **attrs.asdict(run.judged)}
            save_picture(run.strip(), path.with_suffix(".png"), zoom=1)
    write_facts(path, facts)
    return facts


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    """Write the facts of a run to its file, which exists only when it is whole."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(facts, indent=1) + "\n")
    fresh.replace(path)


def make_cells(cells: Sequence[Cell], folder: Path, part: str = "1/1") -> None:
    """Make the cells of a part: "1/2" is every second cell from the first, so that two processes can share the work."""
    number, parts = map(int, part.split("/"))
    mine = [cell for place, cell in enumerate(cells) if place % parts == number - 1]
    for place, cell in enumerate(mine, 1):
        if not cell.path(folder).is_file():
            facts = make_cell(cell, folder)
            logger.info("{} of {}: {}: {}", place, len(mine), cell.path(folder).stem, facts["reason"])


def read_cells(cells: Sequence[Cell], folder: Path) -> list[dict[str, Any]]:
    """The facts of the finished cells, in order, with the paths of their pictures."""
    paths = [path for path in (cell.path(folder) for cell in cells) if path.is_file()]
    return [{**json.loads(path.read_text()), "picture": path.with_suffix(".png")} for path in paths]


def tabulate_cells(
    cells: Sequence[Cell], folder: Path, part: str, table: Callable[[Sequence[dict[str, Any]]], str], path: Path
) -> list[dict[str, Any]]:
    """Make the missing cells of a part, write and print the table of all cells that are made, and return their facts."""
    make_cells(cells, folder, part)
    found = read_cells(cells, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(table(found))
    print(table(found))
    return found


def versions(found: Sequence[dict[str, Any]]) -> str:
    """The libraries and the processors of the cells, in words."""
    seen = {f"TensorFlow {facts['versions']['tensorflow']}, Keras {facts['versions']['keras']}" for facts in found}
    return "; ".join(sorted(seen))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
