"""Write the tutorials and lessons as notebooks into docs/notebooks: the pages are the source.

A block of Python becomes a cell of code, and the block of text after it the stored output of this cell. The first cell
installs gantape from the clone that the notebook is in, unless it is installed. A notebook alone says what to write there.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import nbformat
import tyro

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOTEBOOKS = DOCS / "notebooks"
PAGES = tuple(path for folder in ("tutorials", "lessons") for path in sorted(DOCS.glob(f"{folder}/[!i]*.md")))
INSTALL = """\
import importlib.util
from pathlib import Path

SOURCE = "../.."  # the clone of gantape that this notebook is in

if importlib.util.find_spec("gantape") is None:
    if SOURCE == "../.." and not Path(SOURCE, "gantape", "__init__.py").exists():
        raise FileNotFoundError(
            "gantape is not installed in this kernel, and this notebook is not in a clone of its repository. Set SOURCE to "
            "the folder of a clone, to a wheel, or to git+ and the address of the repository, and run this cell again."
        )
    %pip install --quiet "{SOURCE}"
import gantape"""

FENCE = re.compile(r"^(?P<indent> *)``` *(?P<kind>.*?)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r'^--8<-- "(.+)"$', re.MULTILINE)
REFERENCE = re.compile(r"\[(`[^`]+`)\]\[[\w.]+\]")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)]*)?\)")
ADMONITION = re.compile(r'^(?:!!!|\?\?\?\+?) (?P<kind>\w+)(?: "(?P<title>.*)")?\n(?P<body>(?:(?:    .*)?\n)+)', re.MULTILINE)


@attrs.frozen
class Arguments:
    """Where to write.

    Args:
        folder: The folder for the notebooks.
    """

    folder: Path = NOTEBOOKS


def notebook(page: Path) -> str:
    """A page as the text of a notebook."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made: Any = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    made.cells = [nbformat.v4.new_code_cell(INSTALL)]
    for kind, text in _pieces(ADMONITION.sub(_opened, page.read_text())):
        if kind == "python":
            made.cells.append(nbformat.v4.new_code_cell(text))
        elif kind == "text" and made.cells[-1].cell_type == "code":
            made.cells[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text=text + "\n")]
        else:
            made.cells.append(nbformat.v4.new_markdown_cell(_markdown(text, page)))
    for place, cell in enumerate(made.cells):
        cell.id = hashlib.blake2b(f"{place} {cell.source}".encode(), digest_size=6).hexdigest()
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """The parts of a page in order, each with its kind: "python", "text", or "" for everything else."""
    end = 0
    for block in FENCE.finditer(text):
        if block["kind"] not in ("python", "text"):
            continue
        if text[end : block.start()].strip():
            yield "", text[end : block.start()].strip()
        yield block["kind"], block["body"].strip("\n")
        end = block.end()
    if text[end:].strip():
        yield "", text[end:].strip()


def _opened(found: re.Match[str]) -> str:
    """A note or a folded answer as a paragraph with a title; cells cannot be folded."""
    body = re.sub(r"^    ", "", found["body"], flags=re.MULTILINE)
    return f"**{found['title'] or found['kind'].capitalize()}**\n\n{body}"


def _markdown(text: str, page: Path) -> str:
    """Markdown that needs no site: programs are shown whole, links lead to other notebooks and pages of the clone."""

    def link(found: re.Match[str]) -> str:
        target, place = (page.parent / found[1]).resolve(), found[2] or ""
        if target in PAGES:
            return f"]({target.stem}.ipynb)"
        return f"](../{target.relative_to(DOCS)}{place})"

    lines = [line for line in text.splitlines() if ".ipynb)" not in line]
    text = SNIPPET.sub(lambda found: (ROOT / found[1]).read_text().rstrip("\n"), "\n".join(lines))
    text = re.sub(r'^``` \{\.(\w+) title="(.+)"\}$', r"`\2`:\n\n```\1", text, flags=re.MULTILINE)
    text = LINK.sub(link, REFERENCE.sub(r"\1", text))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def main() -> None:
    """Write all notebooks, and remove those whose page is gone."""
    folder = tyro.cli(Arguments, description=__doc__).folder
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.ipynb"):
        old.unlink()
    for page in PAGES:
        (folder / f"{page.stem}.ipynb").write_text(notebook(page))


if __name__ == "__main__":
    main()
