"""Tests lie as the package does; at the root of scripts/ are the programs that a user starts; files are short."""

from pathlib import Path

import pytest
from package import ROOT

TOP = Path(__file__).parents[2]
SCRIPTS, TESTS = TOP / "scripts", TOP / "tests"
STARTED_BY_USERS = {"evaluate.py", "sample.py", "train_classifier.py", "train_gan.py"}
NOT_OF_THE_PACKAGE = {"architecture", "differential", "docs", "helpers", "scripts"}
PARTS = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
FILES = sorted([*SCRIPTS.rglob("*.py"), *TESTS.rglob("*.py")])


def folders_of(path: Path) -> set[str]:
    return {found.name for found in path.iterdir() if found.is_dir() and found.name != "__pycache__"}


def test_the_root_of_scripts_has_what_a_user_starts() -> None:
    assert {path.name for path in SCRIPTS.glob("*.py")} == STARTED_BY_USERS
    assert folders_of(SCRIPTS) == {"benchmarks", "cli", "docs", "guide", "portable", "reliability"}


def test_folders_of_tests_are_those_of_the_package() -> None:
    assert folders_of(TESTS) - NOT_OF_THE_PACKAGE <= PARTS


def test_a_test_at_the_root_is_of_a_module_at_the_root() -> None:
    assert {path.stem.removeprefix("test_") for path in TESTS.glob("test_*.py")} <= PARTS


def test_no_two_files_of_tests_have_one_name() -> None:
    """Two files of one name could not be collected together: folders of tests are no packages."""
    names = [path.name for path in TESTS.rglob("*.py") if path.name not in ("conftest.py", "__init__.py")]
    assert sorted(set(names)) == sorted(names)
    assert not list(TESTS.rglob("__init__.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TOP)))
def test_a_script_or_a_test_has_three_hundred_lines_at_most(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
