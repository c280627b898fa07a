"""The flags for services that track a run."""

from pathlib import Path

import pytest
import tyro
from loguru import logger

from gantape.callbacks import Callback
from gantape.commands.tracking import Tracking
from gantape.errors import ScheduleError
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


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--mlflow-uri", "http://localhost:5000"), ["--mlflow-uri does nothing without --track mlflow"]),
        (("--track", "--weights-every", "5"), ["--weights-every does nothing without --track tensorboard or --track wandb"]),
        (("--weights-every", "5"), []),
    ],
)
def test_a_flag_of_a_service_that_is_not_named_is_a_warning(flags: tuple[str, ...], words: list[str]) -> None:
    said: list[str] = []
    sink = logger.add(lambda line: said.append(line.record["message"]), level="WARNING")  # type: ignore[attr-defined]
    logger.enable("gantape")
    parsed(*flags).callbacks()
    logger.disable("gantape")
    logger.remove(sink)
    assert said == words


def test_an_error_names_the_flag() -> None:
    with pytest.raises(ScheduleError, match=r"where: +--weights-every\n +got: +0"):
        parsed("--weights-every", "0").callbacks()


def test_an_unknown_service_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        parsed("--track", "tensorbored")
    assert "tensorbored" in capsys.readouterr().err
