"""MLflow."""

import logging
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import attrs

from gantape.trackers.tracker import THREAD, Array, RunInfo, Tracker, client

MOST_CHARACTERS = 6_000
"""The longest parameter that MLflow takes."""

MOST_PARAMETERS = 100
"""The most parameters that it takes at once."""


@final
@attrs.define(eq=False)
class MLflowTracker(Tracker):
    """Sends metrics, parameters, images and files to MLflow, which has no histograms. It needs `pip install mlflow-skinny`.

    Args:
        uri: The address of the server, such as `http://localhost:5000`; by default that of the environment variable
            MLFLOW_TRACKING_URI, or MLflow's own.
        experiment: The experiment to which the run belongs. It is created if there is none.

    Raises:
        TrackerError: If MLflow is not installed.
    """

    uri: str | None = None
    experiment: str = "gantape"
    _mlflow: Any = attrs.field(init=False)
    _client: Any = attrs.field(init=False, default=None)
    _id: str = attrs.field(init=False, default="")

    def __attrs_post_init__(self) -> None:
        self._mlflow = client("mlflow", "mlflow-skinny", "gantape.trackers.MLflowTracker")

    @property
    def name(self) -> str:
        return "mlflow"

    def start(self, run: RunInfo) -> str:
        logging.getLogger("urllib3.connectionpool").addFilter(_shown)
        self._client = self._mlflow.MlflowClient(self.uri)
        if run.id and self._continues(run.id):
            return self._id
        experiment = self._client.get_experiment_by_name(self.experiment)
        number = self._client.create_experiment(self.experiment) if experiment is None else experiment.experiment_id
        self._id = self._client.create_run(number, run_name=run.name, tags={"mlflow.source.name": run.task}).info.run_id
        parameters = [
            self._mlflow.entities.Param(_name(name), str(value)[:MOST_CHARACTERS]) for name, value in run.settings.items()
        ]
        for first in range(0, len(parameters), MOST_PARAMETERS):
            self._client.log_batch(self._id, params=parameters[first : first + MOST_PARAMETERS])
        return self._id

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        self._client.log_batch(
            self._id, [self._mlflow.entities.Metric(_name(name), value, now, step) for name, value in values.items()]
        )

    def image(self, step: int, name: str, image: Array) -> None:
        self._client.log_image(self._id, image, key=_name(name), step=step)

    def file(self, path: Path) -> None:
        self._client.log_artifact(self._id, str(path))

    def finish(self, failed: bool) -> None:
        self._client.set_terminated(self._id, "FAILED" if failed else "FINISHED")

    def _continues(self, name: str) -> bool:
        """Continue a run; returns whether the server still has it."""
        try:
            found = self._client.get_run(name)
        except self._mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        if found.info.lifecycle_stage != "active":
            return False
        self._id = name
        self._client.update_run(name, status="RUNNING")
        return True


def _name(name: str) -> str:
    """A name with the characters that MLflow allows."""
    return re.sub(r"[^\w\-. /]", "_", name)


def _shown(record: logging.LogRecord) -> bool:
    """Whether to show a message of urllib3: not the one for each attempt to reach a server that is down."""
    return not (record.threadName or "").startswith(THREAD)
