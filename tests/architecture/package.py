"""The package as text: its modules, and what they import."""

import ast
from pathlib import Path

import gantape

ROOT = Path(gantape.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def name_of(path: Path) -> str:
    """The dotted name of a module below the package, its folder's for an `__init__`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def part_of(path: Path) -> str:
    """The folder of a module, or the module itself at the root."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_modules(path: Path) -> set[str]:
    """What a module imports of the package, wherever in it, below the package; "" is the package itself."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= (
                {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "gantape" else {node.module or ""}
            )
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.partition(".")[2] for name in names if name.split(".")[0] == "gantape"}


def imported_parts(path: Path) -> set[str]:
    """The folders and root modules that a module imports."""
    return {name.split(".")[0] for name in imported_modules(path)}
