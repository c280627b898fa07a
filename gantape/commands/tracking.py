"""Flags for the services that track a run."""

from typing import Annotated, Literal

import attrs
import tyro
from loguru import logger

import gantape as gt
from gantape import trackers
from gantape.commands.flags_of_runs import errors_of

Service = Literal["tensorboard", "mlflow", "wandb"]
USED_BY = {
    "weights_every": ("tensorboard", "wandb"),
    "mlflow_uri": ("mlflow",),
    "mlflow_experiment": ("mlflow",),
    "wandb_project": ("wandb",),
    "wandb_offline": ("wandb",),
}
"""The services for which each of the flags is; MLflow has no histograms."""

OptionalText = Annotated[str | None, tyro.conf.arg(metavar="TEXT")]


@attrs.frozen
class Tracking:
    """Where the run is tracked.

    Args:
        track: Services to which the run is sent: scalars, pictures, hyper-parameters, and files at the end. Events of
            "tensorboard" are in the run's directory; "mlflow" and "wandb" have to be installed. --track alone for none.
        weights_every: Steps between two histograms of the weights; by default there are none. MLflow has no histograms.
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
            ScheduleError: If `weights_every` is not positive.
            TrackerError: If the client of a service is not installed.
        """
        with errors_of("--weights-every"):
            weights = None if self.weights_every is None else gt.every(steps=self.weights_every) | gt.at_end()
        defaults = attrs.asdict(Tracking())
        for name, services in USED_BY.items():
            if getattr(self, name) != defaults[name] and not set(services) & set(self.track):
                words = " or ".join(f"--track {service}" for service in services)
                logger.warning("--{} does nothing without {}", name.replace("_", "-"), words)
        return tuple(trackers.track(self._tracker(service), weights=weights) for service in dict.fromkeys(self.track))

    def _tracker(self, service: Service) -> trackers.Tracker:
        if service == "tensorboard":
            return trackers.TensorBoardTracker()
        if service == "mlflow":
            return trackers.MLflowTracker(self.mlflow_uri, self.mlflow_experiment)
        return trackers.WandbTracker(self.wandb_project, mode="offline" if self.wandb_offline else None)
