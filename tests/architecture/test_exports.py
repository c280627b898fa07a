"""Every exported name exists, says what it is, and has a place in the reference."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

import gantape

REFERENCE = Path(__file__).parents[2] / "docs/reference"
PACKAGES = ["gantape", *(f"gantape.{part.name}" for part in pkgutil.iter_modules(gantape.__path__) if part.ispkg)]
EXPORTS = [(package, name) for package in PACKAGES for name in importlib.import_module(package).__all__]


def resolve(path: str) -> Any:
    """The object at a dotted path."""
    found: Any = gantape
    parts = path.split(".")[1:]
    for place, part in enumerate(parts):
        if inspect.ismodule(found) and not hasattr(found, part):
            importlib.import_module(".".join(["gantape", *parts[: place + 1]]))
        found = getattr(found, part)
    return found


def described_assignments() -> set[str]:
    """The module-level names that a string follows."""
    names: set[str] = set()
    for path in Path(gantape.__file__).parent.rglob("*.py"):
        body = ast.parse(path.read_text()).body
        for statement, after in zip(body, body[1:], strict=False):
            is_text = (
                isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
            )
            if is_text and isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                names.add(statement.target.id)
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_the_exports_are_sorted_and_complete(package: str) -> None:
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        getattr(module, name)  # some are imported with their first use
    imported = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and (not inspect.ismodule(value) or package == "gantape")
    }
    if package == "gantape":
        submodules = {part.name for part in pkgutil.iter_modules(gantape.__path__)}
        imported -= submodules - set(module.__all__)
    assert imported == set(module.__all__)


def test_another_name_is_no_export() -> None:
    with pytest.raises(ImportError, match="cannot import name 'inspet' from 'gantape'"):
        from gantape import inspet  # noqa: F401


@pytest.mark.parametrize(("package", "name"), EXPORTS, ids=".".join)
def test_an_export_exists_and_says_what_it_is(package: str, name: str) -> None:
    found = resolve(f"{package}.{name}")
    if inspect.isclass(found) or inspect.isfunction(found) or inspect.ismodule(found):
        assert (found.__doc__ or "").strip()
    else:
        assert name in described_assignments()


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="there is no docs/reference")
def test_the_reference_has_every_export_and_no_other() -> None:
    text = "\n".join(page.read_text() for page in sorted(REFERENCE.glob("*.md")))
    directives = re.findall(r"^::: (\S+)", text, flags=re.MULTILINE)
    assert len(set(directives)) == len(directives)
    shown = {id(resolve(path)) for path in directives}
    wanted = {f"{package}.{name}": resolve(f"{package}.{name}") for package, name in EXPORTS}
    # A part is shown by its members.
    missing = [path for path, found in wanted.items() if id(found) not in shown and f"{path}" not in PACKAGES]
    assert missing == []
    exported = {id(found) for found in wanted.values()} | {id(importlib.import_module(package)) for package in PACKAGES}
    assert [path for path in directives if id(resolve(path)) not in exported] == []
