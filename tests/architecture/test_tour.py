"""The tour says what the code says: its files exist, its quotes are verbatim, its frames are those of a run."""

import re
import textwrap
from pathlib import Path

import pytest
from package import ROOT
from test_path_to_the_tape import frames_to_the_tape

REPOSITORY = ROOT.parent
DOCS = REPOSITORY / "docs"
TOUR = (DOCS / "tour.md").read_text()
STATIONS = re.findall(r"^## \d+\. .*`(gantape/[\w/]+\.py)`$", TOUR, re.MULTILINE)
QUOTE = re.compile(r'^``` \{\.python title="(gantape/[^"]+)"\}\n(.*?)^```$', re.MULTILINE | re.DOTALL)
QUOTES = [(page, *quote) for page in ("tour.md", "how_it_works.md") for quote in QUOTE.findall((DOCS / page).read_text())]


def test_the_tour_has_as_many_files_and_lines_as_it_says() -> None:
    assert len(STATIONS) == len(set(STATIONS)) == 10
    lines = sum(len((REPOSITORY / file).read_text().splitlines()) for file in STATIONS)
    said = int(re.findall(r"about ([\d,]+) lines", TOUR)[0].replace(",", ""))
    assert abs(lines - said) <= 100, f"the ten files have {lines} lines"


@pytest.mark.parametrize("page", ["tour.md", "how_it_works.md"])
def test_every_file_that_is_named_exists(page: str) -> None:
    named = re.findall(r"`(gantape/[\w/]+(?:\.py)?)`", (DOCS / page).read_text())
    assert [file for file in named if not (REPOSITORY / file).exists()] == []


@pytest.mark.parametrize(("page", "file", "quote"), QUOTES, ids=lambda value: value if value.endswith((".md", ".py")) else "")
def test_a_quote_stands_in_its_file(page: str, file: str, quote: str) -> None:
    source = (REPOSITORY / file).read_text()
    assert any(textwrap.indent(quote, " " * depth) in source for depth in range(0, 24, 4)), f"{page} quotes {file}:\n{quote}"


def test_every_file_is_quoted() -> None:
    assert {file for page, file, _ in QUOTES if page == "tour.md"} == set(STATIONS)


def test_the_frames_are_those_of_a_run() -> None:
    listed = re.findall(r"^\| \d+ \| `gantape/([\w/]+\.py)` \| `\w+\.(\w+)` \|", TOUR, re.MULTILINE)
    frames = [(Path(frame.filename).relative_to(ROOT).as_posix(), frame.name) for frame in frames_to_the_tape()]
    assert listed == frames
