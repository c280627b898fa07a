"""The training loop: plan, call, observe, act."""

from gantape.loop.loop import Loop

__all__ = ["Loop"]
