"""Actions and when they are due."""

from gantape.callbacks.callback import Action, Callback, Contributor, Stateful, Stop
from gantape.callbacks.display import ProgressDisplay, show_progress
from gantape.callbacks.keras import from_keras
from gantape.callbacks.tables import MetricsFile, TensorBoardFile

__all__ = [
    "Action",
    "Callback",
    "Contributor",
    "MetricsFile",
    "ProgressDisplay",
    "Stateful",
    "Stop",
    "TensorBoardFile",
    "from_keras",
    "show_progress",
]
