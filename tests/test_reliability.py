"""The scripts that count failures, from cells that are there, and the judge of a run's directory."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantape.report import save_picture

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
from reliability import cells, count_failures, count_recipes, pages

FIGURES = {"near": 0.9, "density": 1.0, "coverage": 0.8, "classes": [0.02, 0.98]}
VERSIONS = {"tensorflow": "2", "keras": "3"}


def write(cell: cells.Cell, folder: Path, **facts: Any) -> None:
    good = facts.pop("good", True)
    judged = {"good": good, "reason": "Good: yes." if good else "Bad: the images vary too little: they cover 3 %."}
    figures = {"samples": FIGURES, "real": FIGURES, "steps": 700, "cpu_minutes": 1.5, "versions": VERSIONS, "health": []}
    known = {"recipe": cell.recipe, "data": cell.data, "mode": cell.mode, "seed": cell.seed, "command_line": "python x"}
    path = cell.path(folder)
    path.write_text(json.dumps({**known, **figures, **judged, **facts}))
    save_picture(np.full((32, 12 * 32, 1), 200, np.uint8), path.with_suffix(".png"), zoom=1)


def test_failures_are_counted(tmp_path: Path) -> None:
    arguments = count_failures.Arguments(folder=tmp_path, seeds=2)
    for cell in arguments.cells():
        write(cell, tmp_path, good=(cell.data, cell.seed) != ("digits", 1), health=["won"] if cell.seed else [])
    found = cells.read_cells(arguments.cells(), tmp_path)
    text = count_failures.table(found)
    assert "| digits | graph | 2 | 1 | 90 % | 80 % | 2 % | 1 |" in text
    assert "| mnist | xla | 2 | 0 | 90 % | 80 % | 2 % | 1 |" in text
    assert "2 of 8 runs failed." in text
    assert "- digits, xla, seed 1: Bad: the images vary too little: they cover 3 %." in text
    count_failures.page(found, tmp_path / "failures.png")
    with Image.open(tmp_path / "failures.png") as page:
        assert page.width == pages.GAP + 4 * (10 * 32 + pages.GAP)
        red = np.all(np.abs(np.asarray(page.convert("RGB")).astype(int) - pages.RED) < 40, axis=-1)
        rows = np.flatnonzero(red.any(axis=1))
        assert rows.min() > page.height // 2  # the titles of seed 1
        columns = np.flatnonzero(red.any(axis=0))
        assert columns.max() < page.width // 2  # of digits


def test_an_unfinished_count_shows_what_is_there(tmp_path: Path) -> None:
    arguments = count_failures.Arguments(folder=tmp_path, seeds=2)
    assert "0 of 0 runs failed." in count_failures.table(cells.read_cells(arguments.cells(), tmp_path))
    count_failures.page([], tmp_path / "failures.png")
    assert not (tmp_path / "failures.png").exists()
    first = arguments.cells()[0]
    write(first, tmp_path, good=False)
    facts = {
        name: value for name, value in json.loads(first.path(tmp_path).read_text()).items() if name not in ("samples", "real")
    }
    first.path(tmp_path).write_text(json.dumps(facts))  # a run that ended with an error
    assert "| digits | graph | 1 | 1 |  |  |  | 0 |" in count_failures.table(cells.read_cells(arguments.cells(), tmp_path))


def test_parts_are_disjoint_and_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[cells.Cell] = []
    monkeypatch.setattr(cells, "make_cell", lambda cell, folder: made.append(cell) or {"reason": ""})
    wanted = count_recipes.Arguments(folder=tmp_path).cells()
    assert len(wanted) == len(set(wanted)) == 15 * 2 * 3
    for part in ("1/2", "2/2"):
        cells.make_cells(wanted, tmp_path, part)
    assert len(made) == len(wanted)
    assert set(made) == set(wanted)


def test_recipes_are_shown_at_one_size(tmp_path: Path) -> None:
    names = ("dcgan", "wgan", "cyclegan")
    arguments = count_recipes.Arguments(folder=tmp_path, recipes=names, data=("digits",))
    for cell in arguments.cells():
        write(cell, tmp_path, good=cell.recipe != "wgan")
    found = cells.read_cells(arguments.cells(), tmp_path)
    text = count_recipes.table(found)
    assert "| dcgan | digits | 2 | good | 90 % (90 %) | 80 % (80 %) | 2 to 98 % | 700 | 1.5 |" in text
    assert "| wgan | digits | 0 | **the images vary too little: they cover 3 %** |" in text
    count_recipes.draw(found, "digits", tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as page:
        assert page.mode == "P"
        assert page.width == pages.GAP + 2 * (2 * 12 * 32 + pages.GAP)
        grey = np.asarray(page.convert("L")) == 200
    # Three strips of each of the three recipes; a few pixels of the titles are as grey.
    assert grey.sum() == pytest.approx(3 * 3 * (2 * 32) * (2 * 12 * 32), rel=1e-3)


def test_a_cell_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = count_failures.Arguments(folder=tmp_path, seeds=1).cells()[0]
    write(cell, tmp_path)
    monkeypatch.setattr(cells.subprocess, "run", lambda *_, **__: pytest.fail("trained again"))
    assert cells.make_cell(cell, tmp_path)["good"]


def test_a_run_that_ends_with_an_error_is_a_failure(tmp_path: Path) -> None:
    cell = cells.Cell("dcgan", "digits", "graph", 0, ("--steps", "1"), ("--width", "-1"))
    facts = cells.make_cell(cell, tmp_path)
    assert not facts["good"]
    assert facts["reason"].startswith("Bad: train_gan.py exited with 2: ")
