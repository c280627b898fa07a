"""The programs of the installed command `gantape`: training, samples, evaluation. Nothing imports it but what starts them."""

from gantape.commands.dispatch import main

__all__ = ["main"]
