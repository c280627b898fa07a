"""Actions and when they are due."""

from gantape.callbacks.callback import Action, Callback, Stateful, Stop
from gantape.callbacks.keras import from_keras
from gantape.callbacks.loggers import CSVLogger, TensorBoardLogger

__all__ = ["Action", "CSVLogger", "Callback", "Stateful", "Stop", "TensorBoardLogger", "from_keras"]
