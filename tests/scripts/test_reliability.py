"""The scripts that count failures, from cells that are there, and the judge of a run's directory."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import pytest
from PIL import Image

import gantape as gt
from gantape import evaluation, zoo
from gantape.commands import recipes
from gantape.report import save_picture
from reliability import cells, count_failures, count_recipes, gate, pages

FIGURES = {"near": 0.9, "density": 1.0, "coverage": 0.8, "classes": [0.02, 0.98]}
VERSIONS = {"tensorflow": "2", "keras": "3"}
OUTCOME = evaluation.Outcome(True, "", 500, *(evaluation.ResemblanceFigures(0.9, 1.0, 0.9),) * 2)


def write(cell: cells.Cell, folder: Path, **facts: Any) -> None:
    good = facts.pop("good", True)
    judged = {"good": good, "reason": "Good: yes." if good else "Bad: the images vary too little: they cover 3 %."}
    figures = {"samples": FIGURES, "real": FIGURES, "steps": 700, "cpu_minutes": 1.5, "versions": VERSIONS, "health": []}
    known = {"recipe": cell.recipe, "data": cell.data, "mode": cell.mode, "seed": cell.seed, "command_line": "python x"}
    path = cell.path(folder)
    path.write_text(json.dumps({**known, **figures, **judged, **facts}))
    save_picture(np.full((32, 12 * 32, 1), 195, np.uint8), path.with_suffix(".png"), zoom=1)


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
    arguments = count_recipes.Arguments(folder=tmp_path)
    assert len(arguments.cells()) == 15 * 2  # later seeds take as many steps as the first, which is not there yet
    for cell in arguments.first_cells():
        write(cell, tmp_path, steps=len(cell.recipe))
    wanted = arguments.cells()
    assert len(wanted) == len(set(wanted)) == 15 * 2 * 3
    assert all(cell.length == ("--steps", str(len(cell.recipe))) for cell in wanted if cell.seed)
    for path in tmp_path.iterdir():
        path.unlink()
    for part in ("1/2", "2/2"):
        cells.make_cells(wanted, tmp_path, part)
    assert len(made) == len(wanted)
    assert set(made) == set(wanted)


def test_recipes_are_shown_at_one_size(tmp_path: Path) -> None:
    names = ("dcgan", "wgan", "cyclegan")
    arguments = count_recipes.Arguments(folder=tmp_path, recipes=names, data=("digits",))
    for cell in arguments.first_cells():
        write(cell, tmp_path)
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
        grey = np.asarray(page.convert("L")) == 195
    # Three strips of each of the three recipes; a few pixels of the titles are as grey.
    assert grey.sum() == pytest.approx(3 * 3 * (2 * 32) * (2 * 12 * 32), rel=1e-3)


def test_a_cell_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = count_failures.Arguments(folder=tmp_path, seeds=1).cells()[0]
    write(cell, tmp_path)
    monkeypatch.setattr(cells.subprocess, "run", lambda *_, **__: pytest.fail("trained again"))
    assert cells.make_cell(cell, tmp_path)["good"]


def test_a_run_that_ends_with_an_error_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = cells.Cell("dcgan", "digits", "graph", 0, ("--steps", "1"), ("--width", "-1"))
    ended = subprocess.CompletedProcess([], 2, stderr="HyperparameterError: x\n  do: y")
    monkeypatch.setattr(cells.subprocess, "run", lambda *_, **__: ended)
    facts = cells.make_cell(cell, tmp_path)
    assert facts["reason"] == "Bad: train_gan.py exited with 2: do: y"
    assert not json.loads(cell.path(tmp_path).read_text())["good"]
    assert facts["command_line"].endswith("--seed 0 --steps 1 --width -1 --run-dir run")


def test_a_run_that_a_signal_ended_is_no_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = cells.Cell("dcgan", "digits", "graph", 0, ("--steps", "1"))
    monkeypatch.setattr(cells.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 130))
    with pytest.raises(SystemExit, match="stopped by a signal"):
        cells.make_cell(cell, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_known_to_fail_stands_at_the_name() -> None:
    noted = {"dcgan": recipes.Recipe(zoo.DCGAN), "lsgan": recipes.Recipe(zoo.LSGAN, note="fails with one seed in three")}
    assert "Known to fail: lsgan fails with one seed in three." in recipes.task_help(noted)  # type: ignore[arg-type]
    assert "Known to fail" not in recipes.task_help({"dcgan": recipes.Recipe(zoo.DCGAN)})
    page = (Path(__file__).parents[2] / "docs" / "outcomes.md").read_text()
    assert all(recipe.note in page for recipe in recipes.RECIPES.values())


class _Judged:
    """Stands for a finished run: the sabotaged one is bad."""

    def __init__(self, path: Path) -> None:
        self.judged = attrs.evolve(OUTCOME, good="bad" not in path.name)
        self.record = {"steps": 2}


def test_the_gate_is_shut_by_one_bad_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "RunOutcome", _Judged)
    for runs, code in ((("good", "fine"), 0), (("good", "bad"), 1)):
        monkeypatch.setattr(sys, "argv", ["gate.py", "--runs", *runs])
        assert gate.main() == code


def test_the_gate_gives_a_slow_machine_enough_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(gate, "RunOutcome", _Judged)
    monkeypatch.setattr(
        gate.subprocess, "run", lambda command, **_: commands.append(command) or subprocess.CompletedProcess([], 0)
    )
    assert gate.main_job(tmp_path, 1.0, "--seed 3").good
    assert [command[2:6] for command in commands] == [["--minutes", "1", "--seed", "3"], ["--steps", "700", "--seed", "3"]]


def train(steps: int, **hyperparameters: Any) -> evaluation.Outcome:
    """Train a tiny GAN on the embedded digits and judge it."""
    keras.utils.set_random_seed(2)
    task = zoo.RaGAN(width=6, generator_decay=0.97, **hyperparameters)
    data = gt.data.digits(batch_size=64, labels=False, pixels=task.pixels)
    gt.Loop(task, compiler=gt.StepCompiler("graph"), seed=2).run(data, steps=steps)
    known, held_out = (gt.data.digits(batch_size=64, pixels=task.pixels, split=split) for split in ("train", "test"))
    return evaluation.judge_outcome(task, known, held_out)


def test_a_tiny_run_makes_digits() -> None:
    outcome = train(400)
    assert outcome.good, outcome.reason


def test_a_sabotaged_run_does_not() -> None:
    outcome = train(100, learning_rate=0.2)
    assert not outcome.good, outcome.reason


@pytest.mark.slow
@pytest.mark.parametrize("data", ["digits", "mnist"])
@pytest.mark.parametrize("name", list(recipes.RECIPES))
def test_every_recipe_makes_what_it_is_for(name: str, data: str, tmp_path: Path) -> None:
    if data == "mnist" and not Path(os.environ.get("GANTAPE_DATA", ""), "mnist.npz").is_file():
        pytest.skip("mnist.npz is not in the folder GANTAPE_DATA")
    facts = cells.make_cell(cells.Cell(name, data, "graph", 0, ("--minutes", "2")), tmp_path)
    assert facts["good"] or recipes.RECIPES[name].note, facts["reason"]  # type: ignore[index]
