"""The page of a run in a real browser: Chromium, without a screen. Skipped where there is none."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from PIL import Image

from gantape.report import write_html_report
from gantape.report.page.notes import Notes
from gantape.report.page.render import render
from gantape.report.page.run import RunFiles

playwright = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright, which is not installed")
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
STEPS = (0, 50, 100, 500)
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update")


@attrs.frozen(eq=False)
class Opened:
    """A page that is open, what it asked for, and what it complained about."""

    page: Any
    requests: list[str]
    complaints: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, "--disable-sync", "--disable-quic"])
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Any) -> Iterator[Any]:
    """Opens a file in a window of its own."""
    contexts = []

    def opened(path: Path, viewport: dict[str, int] = DESKTOP, scheme: str = "light") -> Opened:
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        context.set_default_timeout(120_000)
        contexts.append(context)
        found = Opened(context.new_page(), [], [])
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.on("console", lambda message: found.complaints.append(message.text))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.goto(path.as_uri())
        return found

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory like that of a GAN's run."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "samples").mkdir()
    for step in STEPS:
        pixels = np.random.default_rng(step).integers(0, 256, (64, 64), np.uint8)
        Image.fromarray(pixels).resize((256, 256), Image.Resampling.NEAREST).save(folder / "samples" / f"step-{step:06d}.png")
    Image.fromarray(np.zeros((40, 900), np.uint8)).save(folder / "interpolation.png")
    lines = ["step,epoch,seconds,split,discriminator/loss,generator/loss,real_score,fake_score,frechet_distance"]
    lines += [
        f"{step},0,{step / 50},train,{1 + step % 7 / 10},{2 + step % 5 / 10},{step % 11},-{step % 3}," for step in range(1, 501)
    ]
    lines += [f"{step},0,{step / 50},validation,,,,,{100 / step}" for step in range(100, 501, 100)]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    record = {
        "task": "DCGAN",
        "status": "finished",
        "steps": 500,
        "hyperparameters": {"latent_size": 64, "a_name_that_is_long_and_has_no_end_" + "x" * 80: 1.0},
        "data": {"name": "digits train", "checksum": "blake2b:" + "0123456789abcdef" * 4},
        "modes_tried": [{"mode": "graph", "compile_seconds": 12.5, "seconds_per_step": 0.1, "failure": "", "chosen": True}],
        "command_line": "python scripts/train_gan.py --a-flag " + "x" * 120,
        "program": ["python", "scripts/train_gan.py"],
        "health": [{"name": "mode collapse", "words": "samples are alike", "advice": "a penalty", "step": 300}],
    }
    measured = {
        "name": "inception_score",
        "value": 8.123,
        "count": 1000,
        "interval": [8.0, 8.2],
        "baseline": 9.5,
        "warning": "",
    }
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "evaluation.json").write_text(json.dumps({"measurements": [measured]}))
    write_html_report(folder)
    return folder


def running(run_dir: Path, folder: Path, age: float) -> Path:
    """The page of a run that goes on, last written some seconds ago."""
    notes = Notes(task="DCGAN", step=500, seconds=10.0, fraction_done=0.5, updated=time.time() - age, interval=2.0)
    run = attrs.evolve(RunFiles.read(run_dir), notes=notes, alive=True)
    path = folder / "report.html"
    path.write_text(render(run))
    return path


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_shows_everything_and_asks_for_nothing(run_dir: Path, show: Any, viewport: Any, scheme: str) -> None:
    opened = show(run_dir / "report.html", viewport, scheme)
    page = opened.page
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [(run_dir / "report.html").as_uri()]
    assert page.evaluate("[...document.images].length") == len(STEPS) + 1
    page.wait_for_load_state("load")
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.locator(".panel .chart .main-svg").first.is_visible()
    assert page.locator(".panel").count() == page.locator(".chart .scatterlayer").count() == 3
    widths = page.evaluate(
        "[...document.querySelectorAll('.panel')].map((panel) => panel.querySelector('.main-svg').clientWidth)"
    )
    assert min(widths) > 0.75 * min(viewport["width"], 500)
    assert page.locator("h1").inner_text() == "DCGAN on digits"
    assert page.locator(".message h2").inner_text() == "Warning: mode collapse"
    assert page.locator(".legend li").all_inner_texts()[:2] == ["discriminator loss 1.3", "generator loss 2"]
    # Each curve is a line across its chart.
    spans = page.evaluate("[...document.querySelectorAll('.js-line')].map((line) => line.getBoundingClientRect().width)")
    assert len(spans) == 5
    assert min(spans) > 0.6 * min(widths)


def test_letters_are_large_enough_and_differ_from_the_ground(run_dir: Path, show: Any) -> None:
    for scheme in ("light", "dark"):
        page = show(run_dir / "report.html", PHONE, scheme).page
        sizes = page.evaluate("[...document.querySelectorAll('p, td, th, h1, h2, h3, b, code, button')]"
                              ".map((part) => parseFloat(getComputedStyle(part).fontSize))")  # fmt: skip
        assert min(sizes) >= 12
        colours = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
            ".map((text) => text.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3)"
        )
        assert abs(colours[0] - colours[1]) > 150
        assert (colours[0] > colours[1]) == (scheme == "dark")


def test_the_slider_changes_the_picture(run_dir: Path, show: Any) -> None:
    page = show(run_dir / "report.html").page
    slider, label = page.get_by_role("slider"), page.locator(".series output")
    seen = {}
    for place, step in reversed(list(enumerate(STEPS))):
        slider.fill(str(place))
        assert label.inner_text() == f"step {step}"
        (shown,) = page.locator(".series img:visible").all()
        assert shown.get_attribute("alt") == f"Samples, step {step}"
        seen[step] = shown.screenshot()
    assert len(set(seen.values())) == len(STEPS)
    slider.press("ArrowRight")
    assert label.inner_text() == "step 50"


def test_the_pictures_play(run_dir: Path, show: Any) -> None:
    page = show(run_dir / "report.html").page
    page.get_by_role("button", name="Play").click()
    for step in STEPS:
        playwright.expect(page.locator(".series output")).to_have_text(f"step {step}")
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_role("button", name="Play").is_visible()


def test_pointing_at_a_curve_reads_its_values(run_dir: Path, show: Any) -> None:
    page = show(run_dir / "report.html").page
    chart = page.locator(".chart").first
    chart.hover(position={"x": 200, "y": 100})
    texts = chart.locator(".hoverlayer text")
    playwright.expect(texts.first).to_be_visible()
    words = " ".join(texts.all_text_contents())
    assert "step " in words
    assert "discriminator loss : 1" in words
    assert "generator loss : 2" in words


def test_a_line_in_the_curves_is_at_the_step_of_the_picture(run_dir: Path, show: Any) -> None:
    page = show(run_dir / "report.html").page
    slider = page.get_by_role("slider")
    where = "[...document.querySelectorAll('.chart')].map((chart) => chart.layout.shapes[0].x0)"
    for place, step in enumerate(STEPS):
        slider.fill(str(place))
        page.wait_for_timeout(300)  # the page's policy forbids playwright to wait for a condition
        assert set(page.evaluate(where)) == {step}


def test_a_page_that_reloads_stays_where_it_was(run_dir: Path, show: Any, tmp_path: Path) -> None:
    opened = show(running(run_dir, tmp_path, age=2.0))
    page = opened.page
    assert page.locator(".pill").inner_text() == "Running"
    assert "ago; this page reloads itself" in page.locator("#news").inner_text()
    page.get_by_role("slider").fill("1")
    page.evaluate("scrollTo(0, 400)")
    before = page.evaluate("scrollY")
    with page.expect_navigation(timeout=15_000):
        pass
    page.wait_for_load_state("load")
    assert abs(page.evaluate("scrollY") - before) <= 2
    assert page.locator(".series output").inner_text() == "step 50"
    assert opened.complaints == []


def test_a_page_whose_run_is_silent_says_so_and_stops_reloading(run_dir: Path, show: Any, tmp_path: Path) -> None:
    page = show(running(run_dir, tmp_path, age=3600.0)).page
    assert page.locator(".pill").inner_text() == "No news"
    assert "has written nothing for 60 minutes" in page.locator("#news").inner_text()


def test_a_page_without_anything_is_a_page(show: Any, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(render(RunFiles(tmp_path)))
    opened = show(tmp_path / "report.html", PHONE)
    assert opened.complaints == []
    assert "No row of the history" in opened.page.locator(".empty").inner_text()


def test_a_name_that_is_a_script_is_not_run(show: Any, tmp_path: Path) -> None:
    evil = "</script><script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
    rows = ({"step": 1, "split": "train", evil: 1.0}, {"step": 2, "split": "train", evil: 2.0})
    run = RunFiles(tmp_path, rows, record={"task": evil, "status": "finished", "hyperparameters": {evil: evil}})
    (tmp_path / "report.html").write_text(render(run))
    opened = show(tmp_path / "report.html")
    assert opened.complaints == []
    assert opened.page.title().startswith("Finished")
    assert opened.page.locator("h1").inner_text() == evil
