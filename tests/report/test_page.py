"""The page of a run: the facts on it are those of the run, whatever the run has left."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from loguru import logger
from pages import curves_of, data_of
from tiny import Classifier, PointGan, labelled, make, points

import gantape as gt
from gantape import report
from gantape.errors import NotFiniteError, RunDirectoryError
from gantape.report.page.action import TIMES_ITS_COST
from gantape.report.page.run import RunFiles


def test_the_values_on_the_page_are_those_of_the_history(tmp_path: Path) -> None:
    data = labelled()
    callbacks = [report.html_report()]
    loop = gt.Loop(make(Classifier), run_dir=tmp_path, callbacks=callbacks, gradient_norms=True)
    history = loop.run(data, validation=data, steps=30, record=gt.every(steps=5))
    html = (tmp_path / "report.html").read_text()
    drawn = curves_of(html)
    for title, column in (("Losses: loss", "loss"), ("Accuracy: accuracy", "accuracy")):
        for suffix, split in (("", "train"), (", validation", "validation")):
            steps, values = drawn[f"{title}{suffix}"]
            assert steps == [row["step"] for row in history if row["split"] == split]
            np.testing.assert_allclose(values, history.values(column, split), rtol=1e-5)  # type: ignore[arg-type]
    np.testing.assert_allclose(drawn["Norms of gradients: gradient norm"][1], history.values("gradient_norm"), rtol=1e-5)
    assert set(drawn["Learning rates: model"][1]) == {0.05}
    # From the files alone, the page is the same but for the digits that CSV keeps.
    report.write_html_report(tmp_path)
    assert curves_of((tmp_path / "report.html").read_text()) == drawn
    assert ">Finished<" in html
    assert "stopped by: 30 steps" in html
    assert data_of(html, "live")["running"] is False


class Look:
    """Reads the page when a run is opened, and when it starts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[str] = []

    def open(self, opening: gt.callbacks.Opening) -> None:
        self.seen.append(self.path.read_text())

    def __call__(self, progress: gt.Progress) -> None:
        self.seen.append(self.path.read_text())


def test_the_page_is_there_from_the_start_and_reloads_while_the_run_goes_on(tmp_path: Path) -> None:
    look = Look(tmp_path / "report.html")
    callbacks = [report.html_report(), gt.Callback(look, gt.at_start())]
    gt.Loop(make(Classifier), run_dir=tmp_path, callbacks=callbacks).run(labelled(), steps=2)
    assert len(look.seen) == 2
    for html in look.seen:
        live = data_of(html, "live")
        assert live["running"]
        assert live["silentSeconds"] > live["reloadSeconds"] >= 5
        assert "preparing the first step" in html
        assert ">Running<" in html
        assert "Classifier" in html
        assert len(html) < 100_000  # without curves, the library that draws them is not in the page


def test_a_page_is_written_no_more_often_than_its_cost_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, written = [100.0], []
    monkeypatch.setattr("gantape.report.page.action.time.perf_counter", lambda: now[0])
    monkeypatch.setattr("gantape.report.page.action.time.thread_time", lambda: now[0])

    def write(run: RunFiles) -> None:
        written.append(now[0])
        now[0] += 0.2  # the seconds that writing takes

    monkeypatch.setattr("gantape.report.page.action._write_page", write)
    action = report.HTMLReport(tmp_path)
    task = make(Classifier)
    for second in range(1, 141):
        now[0] = max(now[0], 100.0 + second)
        state = gt.RunState(step=second, seconds=float(second))
        action(gt.Progress(task, state, 1.0, 0.5, gt.History(), None, dict))
    pauses = np.diff(written)
    assert 5.0 <= pauses[0] <= 7.0  # the first page is dear, and not taken for the usual one
    assert (pauses[1:] >= 0.2 * TIMES_ITS_COST).all()
    assert len(written) == 5


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    inputs, labels = labelled().arrays
    inputs = inputs.copy()
    inputs[9] = np.nan
    loop = gt.Loop(make(Classifier), run_dir=tmp_path, callbacks=[report.html_report()])
    with pytest.raises(NotFiniteError) as caught:
        loop.run(gt.data.from_arrays((inputs, labels), batch_size=4), epochs=1, record=gt.every(steps=1))
    for again in (False, True):
        if again:
            report.write_html_report(tmp_path)
        html = (tmp_path / "report.html").read_text()
        assert ">Failed<" in html
        assert "The run failed: NotFiniteError" in html
        assert caught.value.do in html
        assert "loss = nan" in html
        assert re.search(r"examples of the batch, by number</th><td>[^<]*\b9\b", html)
        assert not data_of(html, "live")["running"]


def test_an_error_of_anyone_s_is_told(tmp_path: Path) -> None:
    def fail(progress: gt.Progress) -> None:
        raise ValueError("the <disk> is full")

    loop = gt.Loop(make(Classifier), run_dir=tmp_path, callbacks=[report.html_report(), gt.Callback(fail, gt.at(3))])
    with pytest.raises(ValueError):
        loop.run(labelled(), steps=5)
    html = (tmp_path / "report.html").read_text()
    assert "The run failed: ValueError" in html
    assert "the &lt;disk&gt; is full" in html


def test_an_error_that_is_handled_around_a_run_is_not_its_own(tmp_path: Path) -> None:
    try:
        raise KeyError("unrelated")
    except KeyError:
        gt.Loop(make(Classifier), run_dir=tmp_path, callbacks=[report.html_report()]).run(labelled(), steps=2)
    html = (tmp_path / "report.html").read_text()
    assert ">Finished<" in html
    assert "unrelated" not in html


def test_a_resumed_run_goes_on_with_its_page(tmp_path: Path) -> None:
    record = gt.every(steps=2)
    gt.Loop(make(Classifier), run_dir=tmp_path, callbacks=[report.html_report()]).run(labelled(), steps=6, record=record)
    loop = gt.Loop.resume(tmp_path, Classifier(learning_rate=0.05), callbacks=[report.html_report()])
    loop.run(labelled(), steps=4, record=record)
    html = (tmp_path / "report.html").read_text()
    assert curves_of(html)["Losses: loss"][0] == [2, 4, 6, 8, 10]
    assert curves_of(html)["Learning rates: model"][0][0] == 0
    assert re.search(r"resumed</th><td>step 6, ", html)


def test_a_loop_without_a_directory_may_have_a_page(tmp_path: Path) -> None:
    gt.Loop(make(PointGan), callbacks=[report.html_report(tmp_path / "page")]).run(points(), steps=3)
    html = (tmp_path / "page" / "report.html").read_text()
    assert "PointGan" in html
    assert ">Finished<" in html
    gt.Loop(make(PointGan), callbacks=[report.html_report()]).run(points(), steps=1)


def test_a_killed_run_is_reported_from_what_it_left(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"task": "Mine", "status": "running", "steps": 40}))
    (tmp_path / "metrics.csv").write_text("step,epoch,seconds,split,loss\n20,0,1.0,train,0.5\n40,1,2.0,train,0.25\n")
    html = report.write_html_report(tmp_path).read_text()
    assert curves_of(html) == {"Losses: loss": ([20, 40], [0.5, 0.25])}
    assert "The process of this run ended without a word" in html
    assert "Loop.resume" in html
    with pytest.raises(RunDirectoryError, match="no run to report"):
        report.write_html_report(tmp_path / "nowhere")


def test_a_page_that_cannot_be_written_does_not_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run: RunFiles) -> None:
        raise ValueError("no such template")

    monkeypatch.setattr("gantape.report.page.action._write_page", broken)
    lines: list[str] = []
    logger.enable("gantape")
    sink = logger.add(lines.append, level="WARNING", format="{message}")
    try:
        history = gt.Loop(make(Classifier), run_dir=tmp_path, callbacks=[report.html_report()]).run(labelled(), steps=2)
    finally:
        logger.remove(sink)
        logger.disable("gantape")
    assert history.stopped_by == "2 steps"
    assert (
        [line for line in lines if "report.html cannot be written" in line and "no such template" in line] == lines[:1] == lines
    )
