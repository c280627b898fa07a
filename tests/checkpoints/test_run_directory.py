"""A run's directory: written whole or not at all, and never over another run."""

import json
import math
import os
from pathlib import Path
from typing import Any

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gantape as gt
from gantape.checkpoints.run_directory import RunDirectory, machine

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=6,
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)

    @given(record=st.dictionaries(st.text(), values))
    def law(record: dict[str, Any]) -> None:
        directory.write({**record, "task": "DCGAN"})
        assert directory.read() == {**record, "task": "DCGAN"}
        assert [path.name for path in tmp_path.iterdir()] == ["run.json"]

    law()


def test_the_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "runs" / "first")
    directory.create()
    directory.create()  # no run is in it yet
    directory.write({"task": "DCGAN", "where": tmp_path, "loss": math.inf})
    assert json.loads((tmp_path / "runs/first/run.json").read_text()) == {
        "task": "DCGAN",
        "where": str(tmp_path),
        "loss": math.inf,
    }


def test_a_record_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    class Unspeakable:
        def __str__(self) -> str:
            raise TypeError("no text")

    directory = RunDirectory(tmp_path)
    directory.write({"task": "DCGAN"})
    with pytest.raises(TypeError):
        directory.write({"task": Unspeakable()})
    assert directory.read() == {"task": "DCGAN"}


def test_another_run_is_not_overwritten(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.write({"task": "DCGAN"})
    with pytest.raises(gt.errors.RunDirectoryError, match="holds a run already"):
        directory.create()
    assert directory.read() == {"task": "DCGAN"}


@pytest.mark.parametrize("name", ["file", "file/below", "n" * 300], ids=["file", "below a file", "too long"])
def test_what_cannot_be_a_directory_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    directory = RunDirectory(tmp_path / name)
    for act in (directory.create, lambda: directory.write({"task": "DCGAN"})):
        with pytest.raises(gt.errors.RunDirectoryError) as caught:
            act()
        assert caught.value.what == "the directory of the run cannot be written."
        assert caught.value.where == str(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "this is not the directory of a run."),
        ("", "this is not the directory of a run."),
        ('{"task": ', "this is not the directory of a run."),
        (b"\xff\xfe{}", "this is not the directory of a run."),
        ("[]", "this is not the directory of a run."),
        ("{}", "the run.json is not the record of a run."),
    ],
    ids=["none", "empty", "half", "bytes", "list", "no task"],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str | bytes | None, what: str) -> None:
    if text is not None:
        (tmp_path / "run.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(gt.errors.RunDirectoryError) as caught:
        RunDirectory(tmp_path).read()
    assert (caught.value.what, caught.value.where) == (what, str(tmp_path))


def test_the_machine_is_a_record() -> None:
    described = machine()
    assert json.loads(json.dumps(described)) == described
    assert described["keras"] == keras.__version__
    assert described["processors"] == os.cpu_count()
    assert {"python", "gantape", "tensorflow", "numpy", "platform"} <= set(described)
