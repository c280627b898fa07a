"""Augmentations of real and generated examples before a discriminator sees them.

Differentiable augmentation delays the point at which a discriminator has memorised a small data set. It has to be applied to
real and generated examples, in the updates of both networks; otherwise the generator learns to make augmented examples. Each
example gets its own random numbers, from `gantape.RandomStreams`, which are the same in every mode.

References:
    Zhao et al. 2020, arXiv 2006.10738 (DiffAugment); Karras et al. 2020, arXiv 2006.06676 (ADA);
    Sønderby et al. 2017, arXiv 1610.04490 (instance noise).
"""

from gantape.augment.adaptive import Adaptive
from gantape.augment.augmentation import Augmentation, augmented
from gantape.augment.places import Cutout, Translation
from gantape.augment.values import Brightness, Contrast, InstanceNoise, Saturation

__all__ = [
    "Adaptive",
    "Augmentation",
    "Brightness",
    "Contrast",
    "Cutout",
    "InstanceNoise",
    "Saturation",
    "Translation",
    "augmented",
]
