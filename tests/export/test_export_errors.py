"""What cannot be exported ends in one clear error."""

import sys
from pathlib import Path
from typing import Any

import pytest
from tiny import PointGan

from gantape import export
from gantape.errors import ExportError, TaskError


class Shouting(PointGan):
    """A task that adds to what its generator makes."""

    def generate(self, latents, conditioning=()):
        return super().generate(latents, conditioning) + 1.0


def test_a_task_that_generates_more_than_its_generator_is_refused() -> None:
    with pytest.raises(ExportError, match="does not make what the task makes"):
        export.standalone(Shouting())


@pytest.mark.parametrize(
    ("part", "formats", "error", "words"),
    [
        ("generater", ["keras"], TaskError, "no such model"),
        ("loss", ["keras"], TaskError, "no such model"),
        ("", ["pt"], ExportError, "no such format"),
    ],
)
def test_mistakes_are_one_clear_error(part: str, formats: Any, error: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=words):
        export.export_task(PointGan(), tmp_path, part, formats=formats)


def test_a_missing_runtime_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ExportError, match=r"gantape\[export\]"):
        export.export_task(PointGan(), tmp_path, formats=["tflite"])


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="files cannot be written"):
        export.export_task(PointGan(), tmp_path / "file" / "folder", formats=["keras"])
