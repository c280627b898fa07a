"""What the networks of a GAN are told beside latents and examples: nothing, labels, codes, or images to translate."""

from gantape.conditions.codes import Codes
from gantape.conditions.condition import Condition, Told, Unconditional
from gantape.conditions.labels import ClassLabels
from gantape.conditions.sources import SourceImages

__all__ = ["ClassLabels", "Codes", "Condition", "SourceImages", "Told", "Unconditional"]
