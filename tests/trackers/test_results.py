"""The figures of a run's result, which a tracker is sent at the end."""

from pathlib import Path
from typing import Any

import pytest
from test_tracked_run import Notes, loop_with
from tiny import labelled

import gantape as gt
from gantape import trackers


class Contribution:
    """An action with facts for the record."""

    def __init__(self, **facts: Any) -> None:
        self.given = facts

    def __call__(self, progress: gt.Progress) -> None: ...

    def facts(self) -> dict[str, Any]:
        return self.given


def test_figures_of_the_result_are_sent_at_the_end(tmp_path: Path) -> None:
    outcome = {"good": True, "reason": "Good.", "count": 500, "samples": {"near": 0.9, "classes": [0.5, 0.5]}}
    measured = gt.Callback(Contribution(outcome=outcome, test={"accuracy": 0.75}, validation={"examples": 9}), gt.at_end())
    notes = Notes()
    loop = loop_with(trackers.track(notes), measured, run_dir=tmp_path)
    loop.run(labelled(), steps=3)
    expected = {"outcome/good": 1.0, "outcome/count": 500.0, "outcome/samples.near": 0.9, "test/accuracy": 0.75}
    assert notes.of("scalars")[-1] == (3, expected)
    loop.finish(labelled())  # all steps have been sent before
    assert notes.of("scalars")[-1] == (3, expected)


def test_a_run_that_failed_has_no_result(tmp_path: Path) -> None:
    def fail(progress: gt.Progress) -> None:
        raise RuntimeError

    notes = Notes()
    measured = gt.Callback(Contribution(test={"accuracy": 0.75}), gt.at_end())
    with pytest.raises(RuntimeError):
        loop_with(trackers.track(notes), measured, gt.Callback(fail, gt.at(2)), run_dir=tmp_path).run(labelled(), steps=3)
    assert not notes.values("test/accuracy")
