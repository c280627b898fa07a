"""Augmentation with a probability that adapts to the discriminator's scores."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from gantape.augment.augmentation import Augmentation, share_for_each
from gantape.distribute.replicas import all_reduce_mean, replicas
from gantape.errors import HyperparameterError
from gantape.random.rng import RandomStreams
from gantape.shapes import Scores, sizes_of
from gantape.types import Tensor, Variable


class Adaptive(Augmentation):
    """Applies each of several augmentations to an example with a probability p that adapts to the discriminator's scores.

    A mean sign of the scores of real examples above the target is a sign of overfitting, and p rises; otherwise it falls:
    p ← clip(p + sign(E sign D(real) - target) · batch / images, 0, 1). p changes in every update, where the paper averages
    over four. The discriminator has to score real examples higher than generated ones.

    Args:
        augmentations: Applied in this order, each independently with probability p.
        target: The target of the mean sign, between -1 and 1.
        images: Number of real examples in which p can go from 0 to 1.

    References:
        Karras et al. 2020, arXiv 2006.06676, section 3.1, the measure r_t.
    """

    def __init__(self, augmentations: Sequence[Augmentation], *, target: float = 0.6, images: int = 500_000) -> None:
        if images <= 0 or not -1.0 < target < 1.0:
            raise HyperparameterError(
                "the target is not between -1 and 1, or the number of images is not positive.",
                where="gantape.augment.Adaptive",
                got=f"target={target!r}, images={images!r}",
                do="use values near those of the paper, target=0.6 and images=500_000.",
            )
        self.augmentations = tuple(augmentations)
        self.target = target
        self.images = images
        self.probability: Any = keras.Variable(0.0, trainable=False, name="augmentation_probability", aggregation="mean")

    @property
    def variables(self) -> Sequence[Variable]:
        return (self.probability,)

    def __call__(self, examples: Tensor, rng: RandomStreams) -> Tensor:
        for place, augmentation in enumerate(self.augmentations):
            chosen = tf.cast(share_for_each(examples, rng.stream(place)), tf.float32) < tf.cast(
                self.probability.value, tf.float32
            )
            examples = tf.where(chosen, augmentation(examples, rng.stream(place, "draw")), examples)
        return examples

    def observe(self, real_scores: Scores) -> None:
        mean_sign = all_reduce_mean(tf.reduce_mean(tf.sign(tf.cast(real_scores, tf.float32))))
        count = tf.cast(sizes_of(real_scores)[0], mean_sign.dtype)
        change = tf.sign(mean_sign - self.target) * count * replicas() / self.images
        value = self.probability.value
        self.probability.assign(tf.clip_by_value(value + tf.cast(change, value.dtype), 0.0, 1.0))
