"""Several devices and several processes that train one task together."""

from gantape.distribute.workers import join, start_anew

__all__ = ["join", "start_anew"]
