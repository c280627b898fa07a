"""Augmentations that change the values of examples."""

from typing import Any

import attrs
import tensorflow as tf

from gantape.augment.augmentation import Augmentation, share_for_each
from gantape.random.rng import RandomStreams
from gantape.shapes import sizes_of
from gantape.types import Tensor


@attrs.frozen
class Brightness(Augmentation):
    """Adds one number to all pixels of each image: x + w (u - ½), u ~ U(0, 1).

    Args:
        width: w.
    """

    width: float = 1.0

    def __call__(self, examples: Tensor, rng: RandomStreams) -> Tensor:
        return examples + self.width * (share_for_each(examples, rng) - 0.5)


@attrs.frozen
class Contrast(Augmentation):
    """Stretches each image around its mean: m + (x - m) (1 + w (u - ½)), u ~ U(0, 1).

    Args:
        width: w.
    """

    width: float = 1.0

    def __call__(self, examples: Tensor, rng: RandomStreams) -> Tensor:
        mean = tf.reduce_mean(examples, axis=list(range(1, len(examples.shape))), keepdims=True)
        return mean + (examples - mean) * (1.0 + self.width * (share_for_each(examples, rng) - 0.5))


@attrs.frozen
class Saturation(Augmentation):
    """Moves the colour of each pixel to or from its grey value: m + (x - m) (1 + w (u - ½)), u ~ U(0, 1) for each image.

    m is the mean over the channels, so that images of one channel do not change.

    Args:
        width: w.
    """

    width: float = 2.0

    def __call__(self, examples: Tensor, rng: RandomStreams) -> Tensor:
        grey = tf.reduce_mean(examples, axis=-1, keepdims=True)
        return grey + (examples - grey) * (1.0 + self.width * (share_for_each(examples, rng) - 0.5))


@attrs.frozen
class InstanceNoise(Augmentation):
    """Adds normal noise: x + σ max(0, 1 - step/steps) N(0, 1), or constantly x + σ N(0, 1).

    The distributions of real and generated examples then overlap from the start, so that the discriminator cannot separate
    them, and its gradient is informative.

    Args:
        deviation: σ at the first step, in the unit of the examples.
        steps: Steps after which there is no noise; `None` for constant noise.

    References:
        Sønderby et al. 2017, arXiv 1610.04490, section 3.1; Arjovsky and Bottou 2017, arXiv 1701.04862, section 3.
    """

    deviation: float = 0.1
    steps: int | None = 10_000

    def __call__(self, examples: Tensor, rng: RandomStreams) -> Tensor:
        drawn = tf.cast(rng.normal("instance", sizes_of(examples)), examples.dtype)
        return examples + tf.cast(self._deviation_at(rng.step), examples.dtype) * drawn

    def _deviation_at(self, step: Any) -> Any:
        if self.steps is None:
            return self.deviation
        return self.deviation * tf.maximum(0.0, 1.0 - tf.cast(step, tf.float32) / self.steps)
