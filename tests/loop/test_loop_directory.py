"""The directory of a run holds its record and its history, and is used once."""

import csv
import json

import keras
import pytest
import tensorflow as tf
from tiny import labelled, loop_on

from gantape.errors import RunDirectoryError


def test_without_a_directory_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    loop_on().run(labelled(), validation=labelled(examples=7), epochs=1)
    assert list(tmp_path.iterdir()) == []


def test_directory_holds_the_record_and_the_history(tmp_path):
    loop = loop_on(run_dir=tmp_path / "run", seed=4)
    history = loop.run(labelled(), validation=labelled(examples=7), epochs=2)

    assert {path.name for path in (tmp_path / "run").iterdir()} == {".lock", "checkpoints", "run.json", "metrics.csv"}
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    expected = {
        "task": "Classifier",
        "hyperparameters": {"precision": "float32", "learning_rate": 0.05},
        "seed": 4,
        "mode": "graph",
        "steps_per_call": 4,
        "status": "finished",
        "stopped_by": "2 epochs",
        "steps": 32,
        "epochs": 2,
        "updates": 32,
        "examples": 128,
    }
    assert {name: record[name] for name in expected} == expected
    assert record["data"]["examples"] == 64
    assert record["steps_per_second"] > 0
    assert record["versions"]["tensorflow"] == tf.__version__
    assert record["versions"]["keras"] == keras.__version__

    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["split"], int(row["step"])) for row in rows] == [
        (split, step) for step in (16, 32) for split in ("train", "validation")
    ]
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in history]


def test_a_directory_is_used_once(tmp_path):
    loop_on(run_dir=tmp_path).run(labelled(), steps=1)
    with pytest.raises(RunDirectoryError, match="holds a run already"):
        loop_on(run_dir=tmp_path).run(labelled(), steps=1)


def test_a_run_continued_keeps_its_directory(tmp_path):
    loop = loop_on(run_dir=tmp_path)
    loop.run(labelled(), steps=1)
    loop.run(labelled(), steps=2)
    assert json.loads((tmp_path / "run.json").read_text())["steps"] == 3


def test_a_place_that_is_no_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError):
        loop_on(run_dir=tmp_path / "file").run(labelled(), steps=1)
