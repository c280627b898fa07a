"""The scoreboard: its recipes are the published ones, its cells are made once, its arithmetic is right."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gantape as gt

ROOT = Path(__file__).parents[2]

from benchmarks.gans import recipes, rows, scoreboard


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANTAPE_CACHE", str(tmp_path / "judges"))


def cell(row: str, value: float, baseline: float) -> dict[str, Any]:
    measured = {
        "name": "Fréchet distance",
        "value": value,
        "count": 10_000,
        "interval": [value, value],
        "baseline": baseline,
        "warning": "",
    }
    return {
        "row": row,
        "seed": 0,
        "steps": 1000,
        "minutes": 10.0,
        "judge": "judge a",
        "command_line": "benchmark_gans.py",
        "versions": {"gantape": "0.1.0"},
        "measurements": [measured],
    }


def test_the_tiny_networks_have_the_published_sizes() -> None:
    task = recipes.TinyStacked(pack=1)
    weights = [
        sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
        for model in (task.generator, task.discriminator)
    ]
    # The published 287,875 and 585 count batch norm in both; the discriminator here has none.
    assert weights[0] == pytest.approx(287_875, rel=0.01)
    assert weights[1] == pytest.approx(585, rel=0.1)
    assert task.generator.output_shape == (None, 28, 28, 3)


def test_a_cell_is_made_once_and_all_go_into_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    arguments = ["benchmark_gans.py", "--rows", "ring-hing?", "--steps", "40", "--folder", "cells", "--seeds", "0"]
    monkeypatch.setattr(sys, "argv", [*arguments, "1"])
    monkeypatch.setitem(rows.ROWS, "ring-hinge", rows.attrs.evolve(rows.ROWS["ring-hinge"], mode="graph"))
    script = str(ROOT / "scripts/benchmarks/benchmark_gans.py")
    runpy.run_path(script, run_name="__main__")
    first = {path.name: path.read_text() for path in (tmp_path / "cells/40-steps").glob("*.json")}
    assert set(first) == {"ring-hinge-seed-0.json", "ring-hinge-seed-1.json"}
    made = json.loads(first["ring-hinge-seed-0.json"])
    assert made["steps"] == 40
    assert {entry["name"] for entry in made["measurements"]} == {"modes", "reverse KL", "good samples"}
    assert made["measurements"] != json.loads(first["ring-hinge-seed-1.json"])["measurements"]

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("made anew")

    monkeypatch.setattr(gt.Loop, "run", refuse)
    monkeypatch.setattr(sys, "argv", arguments)
    capsys.readouterr()
    runpy.run_path(script, run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert "| ring | modes of 8 | good, % | reverse KL, nats | seeds | minutes |" in lines
    assert next(line for line in lines if line.startswith("| hinge |")).split("|")[5].strip() == "2"
    assert (tmp_path / "cells/40-steps/scoreboard.png").stat().st_size > 0


def test_a_table_has_mean_and_standard_error_and_the_comparison_with_the_guide() -> None:
    cells = [cell("mnist-10", 1.0, 0.5), cell("mnist-10", 3.0, 0.5), cell("mnist-10-guide", 30.0, 0.5)]
    text = scoreboard.table(cells)
    assert "| | mnist-10 | mnist-10-guide | real | N |" in text
    assert "| *seeds* | 2 | 1 | | |" in text
    assert "| Fréchet distance | 2 ± 1 | 30 | 0.5 | 10,000 |" in text
    assert "over the default's, in the same minutes: 15.0" in text
    assert "judge a\n\n``` {.bash}\npython benchmark_gans.py\n```\n\ngantape 0.1.0" in text
