"""What a run that watches itself says and writes: each failure once, and again when it is over or is back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

import gantape as gt
from gantape import evaluation as ev
from gantape.evaluation.watching import Failures


@pytest.fixture(name="lines")
def _lines() -> Iterator[list[str]]:
    """What the log says."""
    lines: list[str] = []
    sink = logger.add(lines.append, format="{level} {message}", level="INFO", filter=lambda line: "health" in line["name"])
    logger.enable("gantape")
    yield lines
    logger.disable("gantape")
    logger.remove(sink)


# --- what is said


def finding(name: str, words: str = "It fails") -> ev.Finding:
    return ev.Finding(name, words, "this")


def test_a_failure_is_news_once_and_again_when_it_is_back() -> None:
    failures = Failures()
    said = []
    for step, found in enumerate(["a", "a", "", "a", "", "", "", "a"]):
        new, over = failures.note([finding(found)] if found else [], step)
        said.append(("+" * len(new)) + ("-" * len(over)))
    assert said == ["+", "", "", "", "", "-", "", "+"]
    assert failures.record() == [{"name": "a", "words": "It fails", "advice": "this", "step": 7, "recovered": None}]


@given(st.lists(st.sets(st.sampled_from("abc")), max_size=12), st.integers(0, 12))
def test_a_state_in_the_middle_makes_no_difference(looks: list[set[str]], cut: int) -> None:
    whole, parts = Failures(), Failures()
    for step, found in enumerate(looks):
        if step == cut:
            parts = Failures.of(json.loads(json.dumps(parts.state())))
        findings = [finding(name) for name in sorted(found)]
        assert [list(map(str, part)) for part in whole.note(findings, step)] == [
            list(map(str, part)) for part in parts.note(findings, step)
        ]
    assert whole.record() == parts.record()


class Scripted(ev.HealthCheck):
    """A check that measures what the test says."""

    def __init__(self, looks: list[dict[str, float]]) -> None:
        super().__init__(tiny.points())
        self._signs: Any = self
        self._script = iter(looks)

    def measure(self) -> dict[str, float]:
        return next(self._script)


FAR = {"separation": 1.0, "distance": 1.0, "diversity": 0.8}
NEAR = {"separation": 0.8, "distance": 0.1, "diversity": 0.9}


def watch(looks: list[dict[str, float]], *, run_dir: Path | None = None) -> None:
    """Look after every 100 steps, and at the end."""
    task, data = tiny.make(tiny.PointGan), tiny.points()
    check = gt.Callback(Scripted(looks), gt.every(steps=100) | gt.at_end())
    gt.Loop(task, callbacks=[check], run_dir=run_dir).run(data, steps=100 * len(looks))


def test_a_failure_is_said_when_it_is_seen_and_at_the_end_and_is_in_the_record(tmp_path: Path, lines: list[str]) -> None:
    watch([FAR] * 8, run_dir=tmp_path / "run")
    early, late = lines
    sentence = (
        "The discriminator has won: it tells real from fake with probability 1.000 for 300 steps, and no sample is near the "
        "data. Try a lower learning rate, a penalty (gantape.losses.R1) or a smaller discriminator.\n"
    )
    assert early == f"WARNING step 500: {sentence}"
    assert late == f"WARNING at the end: {sentence}"
    (entry,) = json.loads((tmp_path / "run/run.json").read_text())["health"]
    assert (entry["name"], entry["step"], entry["recovered"]) == ("the discriminator has won", 500, None)
    assert f"{entry['words']}. Try {entry['advice']}.\n" == sentence


def test_a_failure_that_is_overcome_is_said_to_be_over(tmp_path: Path, lines: list[str]) -> None:
    watch([FAR] * 6 + [NEAR] * 3, run_dir=tmp_path / "run")
    assert lines[1:] == [
        "INFO step 800: the discriminator has won at step 500; recovered by step 800\n",
        "INFO health: there was the discriminator has won at step 500; recovered by step 800\n",
    ]
    (entry,) = json.loads((tmp_path / "run/run.json").read_text())["health"]
    assert (entry["step"], entry["recovered"]) == (500, 800)


def test_all_well_is_said_at_the_end_and_is_an_empty_list_in_the_record(tmp_path: Path, lines: list[str]) -> None:
    watch([NEAR] * 8, run_dir=tmp_path / "run")
    (line,) = lines
    assert line.startswith("INFO health: nothing wrong was found in 8 checks (")
    assert json.loads((tmp_path / "run/run.json").read_text())["health"] == []


def test_the_record_has_a_failure_while_the_run_still_goes_on(tmp_path: Path) -> None:
    """Checkpoints are minutes apart; the record is written after each look."""
    seen = []

    def read(progress: gt.Progress) -> None:
        seen.append([entry["step"] for entry in json.loads((tmp_path / "run/run.json").read_text())["health"]])

    task, data = tiny.make(tiny.PointGan), tiny.points()
    callbacks = [gt.Callback(Scripted([FAR] * 9), gt.every(steps=100)), gt.Callback(read, gt.at(500, 650))]
    gt.Loop(task, callbacks=callbacks, run_dir=tmp_path / "run").run(data, steps=700)
    assert seen == [[], [500]]


def test_a_resumed_run_says_nothing_twice(tmp_path: Path, lines: list[str]) -> None:
    data = tiny.points()
    for place in (0, 1):
        check = gt.Callback(Scripted([FAR] * 8), gt.every(steps=100))
        if place:
            loop = gt.Loop.resume(tmp_path / "run", tiny.make(tiny.PointGan), callbacks=[check])
        else:
            loop = gt.Loop(tiny.make(tiny.PointGan), callbacks=[check], run_dir=tmp_path / "run")
        loop.run(data, steps=750 if place == 0 else 350)
    assert [line[:17] for line in lines] == ["WARNING step 500:", "WARNING at the en"]
    assert [entry["step"] for entry in loop.callbacks[0].action.facts()["health"]] == [500]


# --- facts of any action


class Weather:
    """An action that adds to the record, as anyone may write one."""

    def __init__(self) -> None:
        self.degrees = 0

    def __call__(self, progress: gt.Progress) -> None:
        self.degrees += 1

    def facts(self) -> dict[str, Any]:
        return {"weather": self.degrees, "steps": -1}


def test_an_action_adds_facts_to_the_record_and_does_not_replace_those_of_the_loop(tmp_path: Path) -> None:
    assert isinstance(Weather(), gt.callbacks.Contributor)
    loop = gt.Loop(tiny.make(tiny.Classifier), callbacks=[gt.Callback(Weather(), gt.every(steps=2))], run_dir=tmp_path / "run")
    loop.run(tiny.labelled(), steps=6)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert (record["weather"], record["steps"]) == (3, 6)
