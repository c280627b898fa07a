"""A service whose client is not installed: one error, before anything is trained."""

import sys

import pytest

from gantape import trackers
from gantape.errors import TrackerError


@pytest.mark.parametrize(
    ("tracker", "module", "package"),
    [(trackers.MLflowTracker, "mlflow", "mlflow-skinny"), (trackers.WandbTracker, "wandb", "wandb")],
)
def test_a_missing_client_is_an_error_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tracker, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(TrackerError, match=f"pip install {package}"):
        tracker()
