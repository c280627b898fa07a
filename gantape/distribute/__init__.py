"""Several devices and several processes that train one task together."""

from gantape.distribute.workers import join, restart

__all__ = ["join", "restart"]
