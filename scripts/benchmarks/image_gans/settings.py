"""What all contenders have in common: the sizes of networks, and the numbers of the losses, those of the zoo's defaults."""

from typing import Literal

Recipe = Literal["image-gan", "fastgan"]

SIZE, CHANNELS, LATENT_SIZE = 32, 3, 64
BATCH_SIZES: dict[Recipe, int] = {"image-gan": 64, "fastgan": 16}
LEARNING_RATES: dict[Recipe, float] = {"image-gan": 1e-3, "fastgan": 2e-4}
BETAS = (0.5, 0.999)
DECAY = 0.995
"""Of the generator's moving average."""

WIDTHS, WIDEST = (64, 32, 16), 128
"""Channels of `image-gan` from 4×4 to half the image size, and of its discriminator's last convolution."""

WIDTH_AT_IMAGE = 8
"""Channels of its generator at the image size."""

PENALTY_WEIGHT, PENALTY_EVERY = 1.0, 16

FASTGAN_WIDTHS = {4: 64, 8: 32, 16: 16, 32: 8}
"""Channels of `fastgan` by the size of its features."""

NOISY = (8, 32)
"""Sizes whose blocks in the generator of `fastgan` have two convolutions, with noise."""

SHIFT = 4
"""The largest shift of an augmented image, in pixels."""
