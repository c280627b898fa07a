"""Actions and when they are due."""

from gantape.callbacks.callback import Action, Callback, Stateful, Stop
from gantape.callbacks.keras import from_keras
from gantape.callbacks.loggers import MetricsFile, TensorBoardFile

__all__ = ["Action", "Callback", "MetricsFile", "Stateful", "Stop", "TensorBoardFile", "from_keras"]
