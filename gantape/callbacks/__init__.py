"""Callbacks: actions and when they are due."""

from gantape.callbacks.callback import Action, Callback, Contributor, Opener, Opening, Stateful, Stop
from gantape.callbacks.display import ProgressDisplay, show_progress
from gantape.callbacks.keras import from_keras
from gantape.callbacks.loggers import CSVLogger
from gantape.callbacks.profiler import profile_steps

__all__ = [
    "Action",
    "CSVLogger",
    "Callback",
    "Contributor",
    "Opener",
    "Opening",
    "ProgressDisplay",
    "Stateful",
    "Stop",
    "from_keras",
    "profile_steps",
    "show_progress",
]
