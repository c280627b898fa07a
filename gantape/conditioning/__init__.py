"""Conditions of a GAN: inputs of its networks besides latents and examples, such as labels, codes or source images."""

from gantape.conditioning.codes import Codes
from gantape.conditioning.condition import Condition, Conditioning, Unconditional
from gantape.conditioning.labels import ClassLabels
from gantape.conditioning.sources import SourceImages

__all__ = ["ClassLabels", "Codes", "Condition", "Conditioning", "SourceImages", "Unconditional"]
