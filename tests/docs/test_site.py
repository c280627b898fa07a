"""The site: formulas are drawn, the gallery has every recipe, summaries are those of their tables."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from docs import make_gallery, show_speed
from gantape.commands.recipes import RECIPES

DOCS = Path(__file__).parents[2] / "docs"
WITH_FORMULAS = sorted(path for path in DOCS.rglob("*.md") if "$$\n" in path.read_text())
GALLERY = (DOCS / "recipes/gallery.txt").read_text()


def rendered(text: str) -> str:
    """The HTML of a page with its formulas, by the extension and the hook that mkdocs.yml names."""
    markdown = pytest.importorskip("markdown")
    pytest.importorskip("latex2mathml")
    from docs.formulas import on_page_content

    extensions = ["pymdownx.arithmatex", "pymdownx.superfences", "tables", "md_in_html"]
    html = markdown.markdown(text, extensions=extensions, extension_configs={"pymdownx.arithmatex": {"generic": True}})
    return on_page_content(html, page=None)


def test_formulas_become_mathml() -> None:
    html = rendered("Half is $\\frac{a}{b}$.\n\n$$\nx < y^2\n$$\n\nFive dollars: `$5`, and $HOME.")
    assert html.count("<math") == 2
    assert "<mfrac>" in html
    assert 'display="block"' in html
    assert "&#x0003C;" in html  # less than
    assert "<code>$5</code>" in html
    assert "$HOME" in html


@pytest.mark.parametrize(("latex", "said"), [(r"\frac{1}{", "not complete"), (r"\nosuch{x}", "a command")])
def test_a_wrong_formula_is_named(latex: str, said: str) -> None:
    with pytest.raises(RuntimeError, match=said) as raised:
        rendered(f"See ${latex}$.")
    assert latex in str(raised.value)


@pytest.mark.parametrize("page", WITH_FORMULAS, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_every_formula_of_a_page_is_drawn(page: Path) -> None:
    html = rendered(page.read_text())
    assert html.count("<math") >= page.read_text().count("$$\n") // 2
    assert "arithmatex" not in html


def test_the_losses_have_formulas() -> None:
    pages = {path.stem for path in WITH_FORMULAS}
    assert pages >= {"adversarial", "further", "modifiers", "penalties", "relativistic"}


@pytest.mark.parametrize("name", RECIPES)
def test_the_gallery_shows_every_recipe(name: str) -> None:
    """If not: python scripts/docs/make_gallery.py."""
    task_class = RECIPES[name].task_class
    entry = GALLERY.partition(f"### {name}\n")[2].partition("\n##")[0]
    assert (inspect.getdoc(task_class) or "").splitlines()[0] in entry
    assert "https://arxiv.org/abs/" in entry
    assert f"python scripts/train_gan.py --task {name}\n" in entry
    for data in make_gallery.DATA:
        picture = f"recipes/{name}-{data}.png"
        assert picture in entry
        assert (DOCS / picture).stat().st_size < 15_000


def test_the_gallery_says_what_the_judge_says() -> None:
    good: dict[str, Any] = {"good": True, "steps": 1_000}
    bad = {"good": False, "steps": 1_000, "reason": "Bad: the images vary too little: they cover 44 %, where 90 % is good."}
    assert make_gallery.verdict([good]) == "good after 1,000 steps"
    assert make_gallery.verdict([good, good]) == "good after 1,000 steps, with each of 2 seeds"
    assert make_gallery.verdict([bad]) == "**bad** after 1,000 steps: the images vary too little: they cover 44 %"
    assert make_gallery.verdict([good, bad]).startswith("**bad** with 1 of 2 seeds: the images vary too little")


def test_a_strip_is_broken_into_rows(tmp_path: Path) -> None:
    strip = Image.new("L", (12 * 32, 32))
    for place in range(12):
        strip.paste(20 * place, (32 * place, 0, 32 * place + 32, 32))
    strip.save(tmp_path / "strip.png")
    make_gallery.draw(tmp_path / "strip.png", tmp_path / "rows.png")
    with Image.open(tmp_path / "rows.png") as rows:
        assert rows.size == (6 * 64, 2 * 64)
        shown = [rows.getpixel((64 * (place % 6) + 32, 64 * (place // 6) + 32)) for place in range(12)]
    assert shown == [20 * place for place in range(12)]


def test_the_animation_is_small_and_moves() -> None:
    path = DOCS / "images/training.webp"
    assert path.stat().st_size < 400_000
    with Image.open(path) as animation:
        assert animation.n_frames > 10


def test_the_summary_of_speed_is_that_of_its_table() -> None:
    rows = show_speed.read_ratios(DOCS / "images/speed_ratios.txt")
    assert (DOCS / "images/speed_summary.txt").read_text() == show_speed.summary(rows) + "\n"


def test_a_table_of_ratios_is_read_as_it_was_written(tmp_path: Path) -> None:
    row = {"workload": "mlp", "subject": "gantape-xla", "against": "guide", "median": 1.5, "lowest": 1.25, "highest": 2.0}
    table = show_speed.ratios(
        {"mlp": {"ratios": [{**row, "target": 2.0, "is_met": False}, {**row, "target": None, "is_met": None}]}}
    )
    (tmp_path / "table.txt").write_text(table)
    assert show_speed.read_ratios(tmp_path / "table.txt") == [row, row]
