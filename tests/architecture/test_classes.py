"""Every class is abstract or final, three levels deep at most, and its name is that of one class only; files are short."""

import importlib
import inspect
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import pytest
from package import MODULES, ROOT, name_of

CLASSES: list[type[Any]] = sorted(
    {
        found
        for path in MODULES
        for found in vars(importlib.import_module(f"gantape.{name_of(path)}")).values()
        if inspect.isclass(found) and found.__module__.startswith("gantape.")
    },
    key=lambda found: (found.__module__, found.__qualname__),
)
ERRORS = "gantape.errors"


def depth_of(found: type[Any]) -> int:
    """The length of the longest way up from a class, itself counted, in the package."""
    if not found.__module__.startswith("gantape."):
        return 0
    return 1 + max(map(depth_of, found.__bases__), default=0)


@pytest.mark.parametrize("found", CLASSES, ids=lambda found: f"{found.__module__}.{found.__qualname__}")
def test_a_class_is_abstract_or_final(found: type[Any]) -> None:
    below = [other for other in CLASSES if found in other.__mro__[1:]]
    if not below or found.__module__ == ERRORS or issubclass(found, Protocol):  # type: ignore[arg-type]
        return
    assert inspect.isabstract(found) or _is_abc(found), f"{found} has instances, and {below} derive from it"


def _is_abc(found: type[Any]) -> bool:
    """A class that names `ABC` among its bases is not made, though all its methods have defaults."""
    return any(base.__name__ == "ABC" for base in found.__bases__)


@pytest.mark.parametrize("found", CLASSES, ids=lambda found: f"{found.__module__}.{found.__qualname__}")
def test_a_class_is_three_levels_deep_at_most(found: type[Any]) -> None:
    assert depth_of(found) <= 3


def test_no_name_is_that_of_two_classes() -> None:
    assert [name for name, times in Counter(found.__name__ for found in CLASSES).items() if times > 1] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_three_hundred_lines_at_most(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
