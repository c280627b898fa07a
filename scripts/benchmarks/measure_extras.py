"""What each extra of gantape adds to what is installed: packages, and megabytes on disk.

    python scripts/benchmarks/measure_extras.py --output docs/images     # some minutes, and an index of packages

For each extra, pip chooses the packages; those that gantape needs anyway are left out, and the others are installed into a
temporary folder, whose size is measured. The result is a table in Markdown (`extras.txt`).
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from importlib.metadata import requires
from pathlib import Path
from typing import Annotated

import attrs
import tyro
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
FOR_DEVELOPERS = ("dev", "bench", "docs")
MEGABYTE = 1e6


@attrs.frozen
class Measurement:
    """Measure what extras add.

    Args:
        extras: The extras; by default all that users install.
        output: The folder for the table; it is only printed without one.
    """

    extras: tuple[str, ...] = tuple(name for name in PROJECT["optional-dependencies"] if name not in FOR_DEVELOPERS)
    output: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None

    def run(self) -> None:
        """Measure, print the table, and write it."""
        needed = needed_anyway(PROJECT["dependencies"])
        rows = [row(extra, needed) for extra in sorted(self.extras)]
        text = "".join(f"| {' | '.join(cells)} |\n" for cells in [("extra", "packages added", "MB"), ("---",) * 3, *rows])
        print(text)
        if self.output is not None:
            (self.output / "extras.txt").write_text(text)


def needed_anyway(requirements: Iterable[str]) -> set[str]:
    """The names of the packages that these requirements bring, as they are installed here."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            found.add(name)
            waiting += map(Requirement, requires(name) or ())
    return found


def row(extra: str, needed: set[str]) -> tuple[str, str, str]:
    """A row of the table: what pip adds for an extra."""
    report = pip("--dry-run", "--ignore-installed", "--report", "-", *PROJECT["optional-dependencies"][extra])
    chosen = [package["metadata"] for package in json.loads(report)["install"]]
    added = [f"{one['name']}=={one['version']}" for one in chosen if canonicalize_name(one["name"]) not in needed]
    with tempfile.TemporaryDirectory() as folder:
        pip("--no-deps", "--target", folder, *added)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return f"`{extra}`", str(len(added)), f"{size / MEGABYTE:.0f}"


def pip(*arguments: str) -> str:
    """What `pip install` prints."""
    command: Sequence[str] = [sys.executable, "-m", "pip", "install", "--quiet", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    tyro.cli(Measurement, description=__doc__).run()
