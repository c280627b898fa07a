"""Training on several devices and in several processes."""

from gantape.distribute.workers import join, restart

__all__ = ["join", "restart"]
