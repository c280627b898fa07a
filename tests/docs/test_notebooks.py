"""The notebooks are those that the script makes of the pages, and they print what they show."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbclient
import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from docs import make_notebooks

PAGES = make_notebooks.PAGES


def test_every_page_has_its_notebook_and_links_to_it() -> None:
    assert len(PAGES) >= 5
    assert sorted(path.stem for path in make_notebooks.NOTEBOOKS.glob("*.ipynb")) == sorted(page.stem for page in PAGES)
    for page in PAGES:
        assert f"(../notebooks/{page.stem}.ipynb){{ download }}" in page.read_text(), page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_notebook_is_what_the_script_makes_of_its_page(page: Path) -> None:
    """If not: python scripts/docs/make_notebooks.py."""
    assert (make_notebooks.NOTEBOOKS / f"{page.stem}.ipynb").read_text() == make_notebooks.notebook(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_of_a_notebook_lead_to_files(page: Path) -> None:
    cells = nbformat.reads(make_notebooks.notebook(page), 4).cells
    links = [found[1] for cell in cells if cell.cell_type == "markdown" for found in make_notebooks.LINK.finditer(cell.source)]
    assert links
    assert not [link for link in links if not (make_notebooks.NOTEBOOKS / link).exists()]


def test_parts_of_a_page_become_cells(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    code = "```python\nprint(1)\n```\n\n```text\n1\n```\n\n"
    folded = '??? success "Answer"\n    Two.\n\n    ```python\n    x = 2\n    ```\n\n'
    page.write_text(f"# Title\n\n{code}{folded}End.\n")
    first, *cells = nbformat.reads(make_notebooks.notebook(page), 4).cells
    assert "%pip install" in first.source
    assert [(cell.cell_type, cell.source) for cell in cells] == [
        ("markdown", "# Title"),
        ("code", "print(1)"),
        ("markdown", "**Answer**\n\nTwo."),
        ("code", "x = 2"),
        ("markdown", "End."),
    ]
    assert cells[1].outputs[0].text == "1\n"


def run_first_cell(install: list[str]) -> None:
    """Run the cell that installs gantape, with a pip that only notes its arguments."""

    def magic(name: str, arguments: str) -> None:
        install.append(f"{name} {arguments}")

    code: Any = TransformerManager().transform_cell(make_notebooks.INSTALL)
    exec(code, {"get_ipython": lambda: SimpleNamespace(run_line_magic=magic)})


def test_a_notebook_installs_the_clone_that_it_is_in_if_need_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_notebooks.NOTEBOOKS)
    installed: list[str] = []
    run_first_cell(installed)
    assert not installed
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    run_first_cell(installed)
    assert installed == ['pip install --quiet "{SOURCE}"']  # IPython puts the value there


def test_a_notebook_alone_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").touch()  # of another project
    folder = tmp_path / "one" / "two"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    installed: list[str] = []
    with pytest.raises(FileNotFoundError, match="Set SOURCE to"):
        run_first_cell(installed)
    assert not installed


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_notebook_runs_and_prints_what_it_shows(page: Path, tmp_path: Path) -> None:
    stored = nbformat.reads(make_notebooks.notebook(page), 4)
    run = nbformat.reads(make_notebooks.notebook(page), 4)
    nbclient.NotebookClient(run, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    for cell, made in zip(stored.cells, run.cells, strict=True):
        if cell.cell_type == "code" and cell.outputs:
            printed = "".join(output.text for output in made.outputs if output.get("name") == "stdout")
            assert printed == cell.outputs[0].text, cell.source
