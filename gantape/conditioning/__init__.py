"""What the networks of a GAN receive besides latents and examples: nothing, labels, codes, or images to translate."""

from gantape.conditioning.codes import Codes
from gantape.conditioning.condition import Condition, Conditioning, Unconditional
from gantape.conditioning.labels import ClassLabels
from gantape.conditioning.sources import SourceImages

__all__ = ["ClassLabels", "Codes", "Condition", "Conditioning", "SourceImages", "Unconditional"]
