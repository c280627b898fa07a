"""Runs in tracking services: TensorBoard, MLflow, Weights & Biases, or any other by a `Tracker` of one's own.

The core does not import it, and the clients of services are installed by `pip install 'gantape[mlflow]'` and
`pip install 'gantape[wandb]'`.
"""

from gantape.trackers.mlflow import MLflowTracker
from gantape.trackers.tensorboard import TensorBoardTracker
from gantape.trackers.tracked_run import TrackedRun, track
from gantape.trackers.tracker import RunInfo, Tracker
from gantape.trackers.wandb import WandbTracker

__all__ = ["MLflowTracker", "RunInfo", "TensorBoardTracker", "TrackedRun", "Tracker", "WandbTracker", "track"]
