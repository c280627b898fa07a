"""The flags for services that track a run."""

from pathlib import Path

import pytest
import tyro

from gantape.callbacks import Callback
from gantape.commands.tracking import Tracking
from gantape.state import RunState
from gantape.trackers import TrackedRun


def parsed(*flags: str) -> Tracking:
    return tyro.cli(Tracking, args=list(flags))


def test_tensorboard_is_the_default_and_none_is_possible() -> None:
    (callback,) = parsed().callbacks()
    assert isinstance(callback.action, TrackedRun)
    assert parsed("--track").callbacks() == ()


def test_a_service_is_tracked_once() -> None:
    assert len(parsed("--track", "tensorboard", "tensorboard").callbacks()) == 1


@pytest.mark.parametrize(("flags", "due"), [((), False), (("--weights-every", "30"), True)])
def test_histograms_are_due_on_request(flags: tuple[str, ...], due: bool) -> None:
    (callback,) = parsed(*flags).callbacks()
    assert isinstance(callback, Callback)
    assert callback.when.due(RunState(step=29), RunState(step=30)) is due


def test_an_unknown_service_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        parsed("--track", "tensorbored")
    assert "tensorbored" in capsys.readouterr().err
