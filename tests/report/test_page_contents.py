"""The contents of report.html: text, curves, pictures and messages, whatever the run has left."""

import csv
import json
import shlex
from html import escape
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import curves_of, data_of, draw_samples, row

from gantape import report
from gantape.report.page import facts
from gantape.report.page.charts import library
from gantape.report.page.curves import MOST_CURVES, MOST_PANELS, MOST_POINTS, Curve, panels
from gantape.report.page.messages import messages
from gantape.report.page.notes import Notes
from gantape.report.page.pictures import BYTES_OF_SERIES, BYTES_OF_SINGLE, evenly, picture_series, single_pictures
from gantape.report.page.render import render
from gantape.report.page.run import RunFiles, read_rows


def test_text_of_a_run_is_text_on_the_page(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    record = {
        "task": evil,
        "status": "finished",
        "hyperparameters": {evil: evil},
        "data": {"name": evil},
        "health": [{"name": evil, "words": evil, "advice": evil, "step": 3}],
        "modes_tried": [{"mode": evil, "failure": evil}],
        "command_line": f"train.py '{evil}'",
        evil: evil,
    }
    (tmp_path / "run.json").write_text(json.dumps(record))
    with (tmp_path / "metrics.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["step", "split", evil], [1, "train", 2.0], [2, evil, 3.0]])
    html = report.write_html_report(tmp_path).read_text()
    assert html.replace(library(), "").count("<script") == 3
    assert "<img" not in html
    assert "&lt;script&gt;alert(1)" in html
    names = [trace["name"] for chart in data_of(html) for trace in chart["data"]]
    assert any(escape(evil.replace("/", " "), quote=False) in name for name in names)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{}],
        [row(1)],
        [row(1, loss=np.nan), row(2, loss=np.inf), row(3, loss=-np.inf)],
        [row(1, loss=1.0), row(2, loss=np.nan), row(3, loss=2.0)],
        [{"step": 1, "split": "train", "note": "text", "flag": True}],
        [{"loss": 1.0}, row(2, loss=2.0)],
        [row(1, **{f"update_{number}/term_{number % 7}": float(number) for number in range(400)})],
        [row(1, loss=1e300), row(2, loss=-1e300), row(3, loss=1e-300)],
    ],
    ids=["empty", "nothing", "no figures", "never finite", "sometimes finite", "text", "no step", "hundreds", "extreme"],
)
def test_any_history_has_a_page(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    html = render(RunFiles(tmp_path, tuple(rows)))
    drawn = curves_of(html)
    assert len(data_of(html)) <= MOST_PANELS
    for panel in data_of(html):
        assert len(panel["data"]) <= 2 * MOST_CURVES
        for trace in panel["data"]:
            assert len(trace["x"]) == len(trace["y"])
            assert np.isfinite(trace["y"]).all()
    if any(row.get("loss") is not None and np.isnan(row["loss"]) for row in rows):
        assert "Not finite, and not drawn" in html
        assert drawn["Losses: loss"][0] == [row["step"] for row in rows if np.isfinite(row["loss"])]


def test_columns_without_room_are_named(tmp_path: Path) -> None:
    rows = tuple(row(step, **{f"figure_{number}": 1.0 for number in range(300)}) for step in (1, 2))
    shown, left = panels(RunFiles(tmp_path, rows))
    assert len(shown) == MOST_PANELS
    assert len(shown) + len(left) == 300
    assert f"{len(left)} more curves are not drawn" in render(RunFiles(tmp_path, rows))


@given(st.integers(1, 4 * MOST_POINTS), st.integers(0, 2**16))
def test_a_thin_curve_keeps_its_ends_and_its_peaks(count: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=count).tolist()
    curve = Curve("loss", list(range(0, 3 * count, 3)), values)
    thin = curve.thin()
    assert len(thin.steps) == len(thin.values) <= MOST_POINTS
    assert (thin.steps[0], thin.steps[-1]) == (0, 3 * count - 3)
    assert list(thin.steps) == sorted(set(thin.steps))
    assert [values[step // 3] for step in thin.steps] == list(thin.values)
    assert (min(thin.values), max(thin.values)) == (min(values), max(values))
    assert (thin is curve) == (count <= MOST_POINTS)


@given(st.integers(1, 10_000), st.integers(2, 60))
def test_even_places_have_both_ends(count: int, most: int) -> None:
    places = evenly(count, most)
    assert places == sorted(set(places))
    assert (places[0], places[-1], len(places)) == (0, count - 1, min(count, most))


def test_pictures_are_in_order_and_chosen_evenly(tmp_path: Path) -> None:
    draw_samples(tmp_path / "samples", [0, 50, 999_999, 1_000_000])
    draw_samples(tmp_path / "faces", list(range(0, 1000, 10)))
    draw_samples(tmp_path / "tensorboard", [1])
    (tmp_path / "samples" / "step-000007.png").write_bytes(b"half a pict")
    (tmp_path / "samples" / "notes.png").write_bytes(b"no number")
    faces, samples = picture_series(tmp_path)
    assert [picture.label for picture in samples.pictures] == ["step 0", "step 50", "step 999,999", "step 1,000,000"]
    assert (faces.title, faces.count, len(faces.pictures)) == ("Faces", 100, 40)
    assert (faces.pictures[0].label, faces.pictures[-1].label) == ("step 0", "step 990")


def test_pictures_take_no_more_room_than_there_is(tmp_path: Path) -> None:
    draw_samples(tmp_path / "samples", list(range(30)), side=230)
    (series,) = picture_series(tmp_path)
    assert 2 <= len(series.pictures) < series.count == 30
    assert sum(len(picture.source) for picture in series.pictures) <= BYTES_OF_SERIES
    draw_samples(tmp_path, [1], side=1500)
    (large,) = single_pictures(tmp_path)
    assert max(large.width, large.height) == 1024
    assert len(large.source) <= BYTES_OF_SINGLE


def test_a_drawing_is_shown_as_an_image_and_a_broken_one_is_left_out(tmp_path: Path) -> None:
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30"><script>alert(1)</script></svg>'
    (tmp_path / "updates.svg").write_text(drawing)
    for name, text in (("half", drawing[:50]), ("shapeless", "<svg/>")):
        (tmp_path / f"{name}.svg").write_text(text)
    (tmp_path / "run.json").write_text('{"task": "GAN"}')
    (found,) = single_pictures(tmp_path)
    assert (found.label, found.width, found.height) == ("What each update calls and moves", 40, 30)
    assert "alert" not in report.write_html_report(tmp_path).read_text()


def test_a_picture_from_elsewhere_is_not_shown(tmp_path: Path) -> None:
    draw_samples(tmp_path / "elsewhere", [1])
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "secret.png").symlink_to(tmp_path / "elsewhere" / "step-000001.png")
    (folder / "samples").symlink_to(tmp_path / "elsewhere")
    assert picture_series(folder) == ()
    assert single_pictures(folder) == ()


def test_the_verdict_comes_first_then_what_lasts_then_what_is_past(tmp_path: Path) -> None:
    lasting = {"name": "mode collapse", "words": "samples are alike", "advice": "a penalty", "step": 1200, "recovered": None}
    past = {**lasting, "name": "vanishing gradient", "step": 50, "recovered": 150}
    outcome = {"good": False, "reason": "Bad: 3% of the images resemble real ones.", "count": 500}
    record = {"status": "finished", "health": [past, lasting], "outcome": outcome}
    found = messages(RunFiles(tmp_path, record=record))
    assert [(message.tone, message.title, message.text, message.advice) for message in found] == [
        ("bad", "Bad: 3% of the images resemble real ones.", "500 samples were judged against real images.", ""),
        ("warning", "Warning: mode collapse", "Step 1,200: samples are alike.", "a penalty"),
        ("neutral", "Vanishing gradient: over", "Step 50: found; by step 150 it was over.", ""),
    ]
    (good,) = messages(
        RunFiles(
            tmp_path, notes=Notes(over=True), record={"outcome": {"good": True, "reason": "Good: all classes."}, "health": []}
        )
    )
    assert (good.tone, good.title) == ("good", "Good: all classes.")
    assert "outcome" not in dict(facts.settings(RunFiles(tmp_path, record=record)))
    assert messages(RunFiles(tmp_path, record={"outcome": None}, notes=Notes(over=True))) == ()
    (healthy,) = messages(RunFiles(tmp_path, record={"status": "finished", "health": []}))
    assert (healthy.tone, healthy.title) == ("good", "Healthy")
    assert messages(RunFiles(tmp_path, record={"status": "finished"})) == ()


@pytest.mark.parametrize(
    ("program", "sample"),
    [
        (["python", "scripts/train_gan.py"], "python scripts/sample.py"),
        (["gantape", "train-gan"], "gantape sample"),
        (["python", "-m", "gantape", "train-gan"], "python -m gantape sample"),
    ],
    ids=["script", "command", "module"],
)
def test_judged_figures_and_commands_of_a_program_are_shown(program: list[str], sample: str, tmp_path: Path) -> None:
    (tmp_path / "generator.keras").write_bytes(b"")
    measured = {
        "name": "frechet_distance",
        "value": 0.2781,
        "count": 10_000,
        "interval": [0.25, 0.3],
        "baseline": 0.01,
        "warning": "",
    }
    run = RunFiles(
        tmp_path,
        (row(10, "validation", frechet_distance=0.5), row(10, real_score=1.25)),
        record={
            "status": "finished",
            "task": "DCGAN",
            "test": {"accuracy": 0.9},
            "command_line": f"{shlex.join(program)} --seed 1",
            "program": program,
        },
        evaluation={
            "measurements": [measured, "nonsense"],
            "findings": ["diverging: it grows"],
            "judge": {"words": "features 12ab, learnt from 60 images"},
        },
    )
    assert "By features 12ab, learnt from 60 images." in render(run)
    assert facts.judge(attrs.evolve(run, evaluation={"judge": "nonsense"})) == ""
    assert facts.judged(run) == [("Fréchet distance", "0.2781", "0.25 to 0.3", "0.01", "10,000", "")]
    assert [(tile.label, tile.value) for tile in facts.tiles(run)] == [("Fréchet distance", "0.5"), ("real score", "1.25")]
    assert [message.title for message in messages(run)] == ["Diverging: it grows"]
    texts = [command.text for command in facts.commands(run)]
    assert texts[0] == f"{shlex.join(program)} --seed 1"
    assert f"{shlex.join(program)} --resume {tmp_path}" in texts
    assert f"{sample} {tmp_path} --seed 1" in texts


@pytest.mark.parametrize("text", ["", "[]", "{", '{"step": "x"}', '{"learning_rates": [1]}', '{"started": 3}', '{"error": 1}'])
def test_broken_notes_are_no_notes(text: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(text)
    assert Notes.read(tmp_path) == Notes()


@given(
    st.dictionaries(
        st.sampled_from(
            ["status", "health", "data", "modes_tried", "versions", "checkpoints", "test", "steps", "seconds", "task"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_a_record_of_any_kind_has_a_page(record: dict[str, Any]) -> None:
    html = render(RunFiles(Path(__file__).parent, record=record, failure=record, evaluation=record))
    assert html.endswith("</html>")


def test_a_missing_history_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "metrics.csv") == []
    (tmp_path / "metrics.csv").write_bytes(b"\xff\xfe\x00broken")
    assert read_rows(tmp_path / "metrics.csv") == []
