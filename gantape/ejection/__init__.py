"""A task written out as a training loop by hand, in one file that does without gantape."""

from gantape.ejection.ejected import Check, Ejected
from gantape.ejection.write import eject

__all__ = ["Check", "Ejected", "eject"]
