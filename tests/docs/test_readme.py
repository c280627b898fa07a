"""The README's program is the script that draws its picture, and it runs; the README's links and commands hold."""

import re
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PROGRAM = (ROOT / "scripts/docs/readme.py").read_text()


def test_the_program_is_the_script() -> None:
    assert PROGRAM in re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_program_draws_a_picture(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "steps=2_000" in PROGRAM
    exec(compile(PROGRAM.replace("steps=2_000", "steps=2"), "readme.py", "exec"), {"__name__": "readme"})
    with Image.open("digits.png") as picture:
        assert picture.size == (12 * 32 * 2, 2 * 32 * 2)


def test_relative_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
