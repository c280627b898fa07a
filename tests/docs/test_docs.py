"""The documentation: each page is one program that runs and prints what the page says it prints."""

import contextlib
import inspect
import io
import re
import runpy
import sys
from pathlib import Path
from types import ModuleType

import keras
import pytest
from loguru import logger
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

import gantape as gt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXTRAS = {"how_to/search.md": "optuna"}
"""Pages that need a package which an installation may lack."""

PAGES = [path for path in sorted(DOCS.rglob("*.md")) if "```python\n" in path.read_text()]
ERRORS = [
    error
    for _, error in inspect.getmembers(gt.errors, inspect.isclass)
    if issubclass(error, gt.GantapeError) and error not in (gt.GantapeError, gt.errors.TensorError)
]

_PYTHON = PythonEvaluator()
_PRINTED = "printed by the block before"


def _run(example: Example) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        _PYTHON(example)
    example.namespace[_PRINTED] = printed.getvalue()


def _compare(example: Example) -> None:
    assert example.namespace[_PRINTED].strip() == example.parsed.strip()


SYBIL = Sybil(parsers=[CodeBlockParser("python", _run), CodeBlockParser("text", _compare), SkipParser()])


# Keras 3.15 reads TensorFlow's variables in a way that NumPy 2 frowns upon, when it saves a model.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:no pixel of the first batch:gantape.errors.GantapeWarning")  # on purpose, on how_to/health
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_a_page_is_a_program_that_prints_what_it_shows(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after the other, and a block of text is what the block before it printed."""
    if extra := EXTRAS.get(page.relative_to(DOCS).as_posix()):
        pytest.importorskip(extra, reason=f"{extra} is not installed")
    monkeypatch.chdir(tmp_path)
    program = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", program)
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    document = SYBIL.parse(page)
    document.namespace = vars(program)
    try:
        for example in document:
            example.evaluate()
    finally:
        logger.disable("gantape")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_troubleshooting_quotes_every_kind_of_error(error: type[Exception]) -> None:
    """Whoever looks an error up finds it."""
    assert f"\n{error.__name__}: " in (DOCS / "troubleshooting.md").read_text()


def test_the_drawings_are_what_their_script_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The committed drawings are not older than the tasks that they show."""
    monkeypatch.setattr(sys, "argv", ["draw_updates.py", str(tmp_path)])
    runpy.run_path(str(ROOT / "scripts/docs/draw_updates.py"), run_name="__main__")
    drawn = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert drawn == {path.name: path.read_text() for path in (DOCS / "images/updates").iterdir()}
    assert sorted(drawn) == ["discriminator.svg", "generator.svg"]


def test_the_drawing_of_an_inspection_is_what_its_script_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = tmp_path / "inspection.svg"
    monkeypatch.setattr(sys, "argv", ["draw_inspection.py", str(drawn)])
    runpy.run_path(str(ROOT / "scripts/docs/draw_inspection.py"), run_name="__main__")
    texts = [path.read_text() for path in (drawn, DOCS / "images/inspection.svg")]
    values = [re.findall(r'class="note">(-?\d[^<]*)<', text) for text in texts]  # the terms, which differ by rounding
    assert [float(value) for value in values[0]] == pytest.approx([float(value) for value in values[1]], rel=0.01)
    assert len({re.sub(r'class="note">-?\d[^<]*<', "", text) for text in texts}) == 1
