"""The parts stand in one reading order, and each imports only what stands above it."""

import ast
import re
from pathlib import Path

import pytest

import gantape

ROOT = Path(gantape.__file__).parent
CORE = [
    "types",
    "errors",
    "xla",
    "distribution",
    "workers",
    "files",
    "shapes",
    "philox",
    "noise",
    "schedule",
    "data",
    "augment",
    "losses",
    "conditions",
    "metrics",
    "guard",
    "precision",
    "descent",
    "update",
    "step",
    "tasks",
    "traces",
    "signature",
    "programs",
    "compiler",
    "autotune",
    "tensors",
    "history",
    "checkpoints",
    "standing",
    "progress",
    "callbacks",
    "run_directory",
    "resumption",
    "interruption",
    "stopping",
    "descriptions",
    "refusals",
    "evaluator",
    "recorder",
    "failure",
    "saver",
    "keeper",
    "feed",
    "acting",
    "loop",
]
LEAVES = ["layers", "report", "zoo", "evaluation", "testing"]
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    """The parts that a module imports, wherever in it; "" is the package itself."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= (
                {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "gantape" else {node.module or ""}
            )
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] if "." in name else "" for name in names if name.split(".")[0] == "gantape"}


def test_every_part_has_its_place() -> None:
    assert {part_of(path) for path in MODULES} - set(LEAVES) == set(CORE)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if part_of(path) in CORE], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_core_imports_only_what_stands_above(path: Path) -> None:
    above = CORE[: CORE.index(part_of(path)) + 1]
    if path == ROOT / f"{part_of(path)}.py":
        above = above[:-1]
    assert imported_parts(path) <= set(above)


def test_the_package_imports_no_leaf() -> None:
    assert not imported_parts(ROOT / "__init__.py") & set(LEAVES)


@pytest.mark.parametrize("part", CORE)
def test_a_docstring_tells_the_place(part: str) -> None:
    paths = [path for path in MODULES if part_of(path) == part]
    docstrings = [ast.get_docstring(ast.parse(path.read_text())) or "" for path in paths]
    places = [
        (relation.lower(), neighbour)
        for text in docstrings
        for relation, neighbour in re.findall(r"(?i)(follows|stands before) `(\w+)`", text)
    ]
    for relation, neighbour in places:
        if relation == "follows":
            assert CORE.index(neighbour) < CORE.index(part)
        else:
            assert CORE.index(part) < CORE.index(neighbour)
    assert places or any("Stands first" in text or "last part of the core" in text for text in docstrings)
