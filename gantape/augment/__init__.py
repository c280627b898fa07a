"""What is done to examples, real and generated alike, before a discriminator sees them.

A transformation with a gradient lets a discriminator that has few real examples learn longer before it knows them by heart.
It has to be done to real and generated examples, in the updates of both networks: else the generator learns to make
transformed examples. Everything is drawn from `gantape.RandomStreams`, for each example anew, and is the same in every mode.

References:
    Zhao et al. 2020, arXiv 2006.10738 (DiffAugment); Karras et al. 2020, arXiv 2006.06676 (ADA);
    Sønderby et al. 2017, arXiv 1610.04490 (instance noise).
"""

from gantape.augment.adaptive import Adaptive
from gantape.augment.augmentation import Augmentation, augmented
from gantape.augment.places import Cutout, Translation
from gantape.augment.values import Brightness, Contrast, InstanceNoise

__all__ = [
    "Adaptive",
    "Augmentation",
    "Brightness",
    "Contrast",
    "Cutout",
    "InstanceNoise",
    "Translation",
    "augmented",
]
