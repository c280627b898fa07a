"""Looking through a training step: who is called, watched and moved, and what is probably not meant."""

from gantape.inspection.clues import Clue
from gantape.inspection.inspect import inspect
from gantape.inspection.seen import Inspection
from gantape.inspection.update import NetworkCall, SeenUpdate

__all__ = ["Clue", "Inspection", "NetworkCall", "SeenUpdate", "inspect"]
