"""A service whose client is not installed: one error, before anything is trained."""

import importlib.util

import pytest

from gantape import trackers
from gantape.errors import TrackerError


@pytest.mark.parametrize(("tracker", "package"), [(trackers.MLflowTracker, "mlflow-skinny"), (trackers.WandbTracker, "wandb")])
def test_a_missing_client_is_an_error_with_the_command(monkeypatch: pytest.MonkeyPatch, tracker, package: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TrackerError, match=f"pip install {package}"):
        tracker()
