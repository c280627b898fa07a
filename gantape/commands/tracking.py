"""Flags for the services that track a run."""

from typing import Annotated, Literal

import attrs
import tyro

import gantape as gt
from gantape import trackers

Service = Literal["tensorboard", "mlflow", "wandb"]
OptionalText = Annotated[str | None, tyro.conf.arg(metavar="TEXT")]


@attrs.frozen
class Tracking:
    """Where the run is tracked.

    Args:
        track: Services to which the run is sent: scalars, pictures, hyper-parameters, and files at the end. Events of
            "tensorboard" are in the run's directory; "mlflow" and "wandb" have to be installed. --track alone for none.
        weights_every: Steps between two histograms of the weights; by default there are none.
        mlflow_uri: The address of the MLflow server, such as http://localhost:5000; by default MLFLOW_TRACKING_URI.
        mlflow_experiment: The experiment of MLflow.
        wandb_project: The project of Weights & Biases.
        wandb_offline: Write what is for Weights & Biases into the folder wandb only, for `wandb sync`.
    """

    track: tuple[Service, ...] = ("tensorboard",)
    weights_every: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    mlflow_uri: OptionalText = None
    mlflow_experiment: str = "gantape"
    wandb_project: str = "gantape"
    wandb_offline: bool = False

    def callbacks(self) -> tuple[gt.Callback, ...]:
        """The callbacks that track the run.

        Raises:
            TrackerError: If the client of a service is not installed.
        """
        weights = None if self.weights_every is None else gt.every(steps=self.weights_every) | gt.at_end()
        return tuple(trackers.track(self._tracker(service), weights=weights) for service in dict.fromkeys(self.track))

    def _tracker(self, service: Service) -> trackers.Tracker:
        if service == "tensorboard":
            return trackers.TensorBoardTracker()
        if service == "mlflow":
            return trackers.MLflowTracker(self.mlflow_uri, self.mlflow_experiment)
        return trackers.WandbTracker(self.wandb_project, mode="offline" if self.wandb_offline else None)
