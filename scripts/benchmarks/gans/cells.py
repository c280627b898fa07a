"""A cell of the scoreboard: one row with one seed, measured once and saved in one file."""

import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import keras
from loguru import logger

import gantape as gt
from benchmarks.gans.rows import ROWS, mnist_judge, sample_picture
from gantape.checkpoints.run_directory import machine
from gantape.evaluation import Measurement


def cell_path(folder: Path, row: str, seed: int) -> Path:
    """The file of a cell."""
    return folder / f"{row}-seed-{seed}.json"


def make_cell(folder: Path, name: str, seed: int, length: dict[str, float] | None = None) -> dict[str, Any]:
    """Train, judge and write a cell, unless its file exists.

    Args:
        folder: The folder of the cells.
        name: The row.
        seed: The seed of initial weights, noise and order.
        length: The length in place of the row's own, as `Loop.run` takes it.

    Raises:
        SystemExit: If a signal ended the training. A cell that is not trained to its end is not written.
    """
    path = cell_path(folder, name, seed)
    if path.is_file():
        logger.info("{} exists", path)
        return json.loads(path.read_text())
    row = ROWS[name]
    judge = mnist_judge() if row.mixture is None else None
    keras.utils.set_random_seed(seed)
    task = row.task()
    loop = gt.Loop(task, compiler=gt.StepCompiler(row.mode), seed=seed)
    started = time.perf_counter()
    history = loop.run(row.data(task), **(length or row.length))
    trained = time.perf_counter() - started
    if history.stopped_by.startswith("SIG"):
        sys.exit(f"stopped by {history.stopped_by}: {path} is not written")
    measured = row.judge(task)
    folder.mkdir(parents=True, exist_ok=True)
    sample_picture(task, path.with_suffix(".png"))
    cell = {
        "row": name,
        "seed": seed,
        "task": repr(task),
        "length": dict(length or row.length),
        "steps": history.last()["step"],
        "minutes": round(trained / 60.0, 2),
        "minutes_of_judging": round((time.perf_counter() - started - trained) / 60.0, 2),
        "explained": loop.explain().splitlines()[1:3],
        "judge": str(judge) if judge else "",
        "measurements": [attrs.asdict(result) for result in measured],
        "command_line": shlex.join(sys.argv),
        "versions": machine(),
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(cell, indent=2) + "\n")
    fresh.replace(path)
    return cell


def read_cells(folder: Path) -> list[dict[str, Any]]:
    """Every cell in a folder, row by row."""
    return [json.loads(path.read_text()) for row in ROWS for path in sorted(folder.glob(f"{row}-seed-*.json"))]


def measurements(cell: dict[str, Any]) -> list[Measurement]:
    """The figures of a cell."""
    return [Measurement(**{**entry, "interval": tuple(entry["interval"])}) for entry in cell["measurements"]]
