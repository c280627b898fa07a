"""A run on disk: its directory, its record and its checkpoints."""

from gantape.checkpoints.restore import load_best
from gantape.checkpoints.settings import Best, Checkpoints

__all__ = ["Best", "Checkpoints", "load_best"]
