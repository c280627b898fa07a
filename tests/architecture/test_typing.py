"""What a strict type checker accepts and rejects in users' programs."""

import re
from pathlib import Path

from mypy import api

PROGRAMS = Path(__file__).parent / "typing_programs"
CONFIG = Path(__file__).parents[2] / "pyproject.toml"


def _errors(program: str) -> dict[int, str]:
    path = PROGRAMS / program
    found, problems, _ = api.run(["--config-file", str(CONFIG), "--no-error-summary", str(path)])
    assert not problems
    lines = re.findall(rf"{program}:(\d+): error: .*\[([a-z-]+)\]$", found, re.MULTILINE)
    return {int(number): code for number, code in lines}


def test_accepted() -> None:
    assert _errors("accepted.py") == {}


def test_rejected() -> None:
    lines = (PROGRAMS / "rejected.py").read_text().splitlines()
    marked = {number: line.split("# rejected: ")[1] for number, line in enumerate(lines, 1) if "# rejected: " in line}
    assert len(marked) >= 10
    assert _errors("rejected.py") == marked
