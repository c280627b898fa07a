"""Path length regularisation of a generator."""

import math
from collections.abc import Sequence
from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape.distribute.replicas import all_reduce_mean
from gantape.losses.checks import SHARE_BELOW_ONE, WEIGHT
from gantape.losses.penalties import EPSILON
from gantape.random.rng import RandomStreams
from gantape.shapes import Scalar, Scores
from gantape.steps.losses import upcast
from gantape.types import Model, Tensor, Variable


def _mean_length() -> Any:
    return keras.Variable(0.0, trainable=False, name="mean_path_length", aggregation="mean")


@attrs.frozen(eq=False)
class PathLength:
    """λ · mean (‖Jᵀy‖₂ - a)²: a step of fixed size in the latents changes the image by the same amount everywhere.

    J is the derivative of an image with respect to its latent or style, y an image of normal noise divided by √(pixels), and
    a the moving average of the lengths ‖Jᵀy‖. The average is held in a variable: as a part of a task, it is saved with the run,
    and behaves the same in every mode.

    Args:
        weight: λ.
        decay: Decay of the moving average a, for each call. It begins at 0.

    References:
        Karras et al. 2020, arXiv 1912.04958, equation 4; weight, decay and the first value of a as in the authors' code.
    """

    weight: float = attrs.field(default=2.0, validator=WEIGHT)
    decay: float = attrs.field(default=0.99, validator=SHARE_BELOW_ONE)
    mean: Any = attrs.field(init=False, repr=False, factory=_mean_length)

    @property
    def variables(self) -> Sequence[Variable]:
        """The moving average of the lengths."""
        return (self.mean,)

    def __call__(self, generator: Model, latents: Tensor, rng: RandomStreams) -> Scalar:
        """The penalty, a mean over the batch; the moving average follows.

        Args:
            generator: Called with `training=True`. It makes images, `batch height width channels`.
            latents: `batch latent`, or `batch layers latent` if each layer has a style of its own.
            rng: Random streams.
        """
        lengths = path_lengths(generator, latents, rng)
        mean = self.mean.value
        found = tf.cast(all_reduce_mean(tf.reduce_mean(tf.stop_gradient(lengths))), mean.dtype)
        average = self.decay * mean + (1.0 - self.decay) * found
        self.mean.assign(average)
        return self.weight * tf.reduce_mean(tf.square(lengths - tf.cast(average, lengths.dtype)))


def path_lengths(generator: Model, latents: Tensor, rng: RandomStreams) -> Scores:
    """√(‖Jᵀy‖₂² + 1e-10) for each example, shape `batch`; differentiable. With several layers, ‖·‖² is a mean over them."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(latents)
        images = upcast(generator(latents, training=True))
        directions = tf.cast(rng.normal("directions", tf.shape(images)), images.dtype)
        pixels = math.prod(images.shape[1:-1])
        moved = tf.reduce_sum(images * directions) / math.sqrt(pixels)
    gradients = upcast(tape.gradient(moved, latents))
    squares = tf.reduce_sum(tf.square(gradients), axis=-1)
    return tf.sqrt(tf.reduce_mean(tf.reshape(squares, [tf.shape(squares)[0], -1]), axis=1) + EPSILON)
