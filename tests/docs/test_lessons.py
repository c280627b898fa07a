"""Lessons: each has its five parts, in order, and every block of code ends in a comparison. `test_docs.py` runs them."""

import re
from pathlib import Path

import pytest

LESSONS = Path(__file__).parents[2] / "docs/lessons"
PAGES = ("silent.md", "tensorflow.md", "gans.md", "numbers.md")
PARTS = ("```python\n", "**What you see.**", "??? question", "**Mended.**", "```python\n", "**Who says so in gantape.**")
LONGEST_LOOP = 25

FOUND = [
    (page, title, text)
    for page in PAGES
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", (LESSONS / page).read_text(), re.MULTILINE | re.DOTALL)
]


def anchor(title: str) -> str:
    """The identifier that Markdown's table of contents makes of a title."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())


@pytest.mark.parametrize(("page", "title", "text"), FOUND, ids=[title for _, title, _ in FOUND])
def test_a_lesson_is_broken_seen_explained_mended_and_told(page: str, title: str, text: str) -> None:
    place = 0
    for part in PARTS:
        place = text.index(part, place) + len(part)


@pytest.mark.parametrize(("page", "title", "text"), FOUND, ids=[title for _, title, _ in FOUND])
def test_every_block_of_a_lesson_compares_and_the_broken_loop_is_short(page: str, title: str, text: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert all(re.search(r"^ *assert ", block, re.MULTILINE) for block in blocks)
    loop = [line for line in blocks[0].splitlines() if line.strip() and not line.startswith(("assert", "print"))]
    assert len(loop) <= LONGEST_LOOP


def test_lessons_are_numbered_and_the_index_leads_to_each() -> None:
    assert len(FOUND) >= 15
    rows = re.findall(r"^\| \[(\d+)\]\(([^)]*)\)", (LESSONS / "index.md").read_text(), re.MULTILINE)
    expected = [(title.split(".")[0], f"{page}#{anchor(title)}") for page, title, _ in FOUND]
    assert rows == expected
    assert [int(number) for number, _ in rows] == list(range(1, len(FOUND) + 1))
