"""A denoising diffusion model: a network predicts the noise that was added to an image."""

import itertools
import math

import keras
import tensorflow as tf

from gantape.losses import upcast
from gantape.random.rng import RandomStreams
from gantape.shapes import Images
from gantape.steps import ExponentialMovingAverage, Losses, Update
from gantape.tasks import Part, Task
from gantape.types import Batch, Model, Optimizer, Tensor
from gantape.zoo.networks import noise_network


class Diffusion(Task):
    """Minimises |ε - ε̂(√ᾱ x + √(1-ᾱ) ε, t)|² over images x, normal ε and times t ~ U(0, 1), with √ᾱ = cos(πt/2).

    Samples are made from noise by the deterministic steps of DDIM. A batch is images with pixels from -1 to 1.

    Args:
        width: Base number of channels; the widest layers have 4 times as many.
        decay: Decay β of the network's moving average, which makes the samples.
        learning_rate: Learning rate of Adam.
        sampling_steps: Passes through the network per sample.

    References:
        Ho et al. 2020, arXiv 2006.11239, equation 14; Nichol and Dhariwal 2021, arXiv 2102.09672 (cosine);
        Song et al. 2021, arXiv 2010.02502, equation 12 with σ = 0 (DDIM).
    """

    width: int = 16
    decay: float = 0.995
    learning_rate: float = 1e-3
    sampling_steps: int = 30

    network = Part[Model]()
    average = Part[Model]()
    optimizer = Part[Optimizer]()
    pixels = (-1.0, 1.0)

    def build_network(self) -> Model:
        return noise_network(self.width)

    def build_average(self) -> Model:
        return keras.models.clone_model(self.network)

    def build_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(self.learning_rate)

    def updates(self) -> tuple[Update, ...]:
        average = ExponentialMovingAverage(self.network, self.average, self.decay)
        return (Update("network", self.evaluate, (self.network,), self.optimizer, average=average),)

    def evaluate(self, batch: Batch, rng: RandomStreams) -> Losses:
        time = rng.uniform("time", [tf.shape(batch)[0], 1, 1, 1])
        added = rng.normal("added", tf.shape(batch))
        angle = 0.5 * math.pi * time
        found = upcast(self.network([tf.cos(angle) * batch + tf.sin(angle) * added, _waves(time)]))
        return Losses({"noise": tf.reduce_mean(tf.square(found - added))})

    def sample_grid(self, count: int, rng: RandomStreams, batch: Batch | None = None) -> Images:
        """Images sampled from noise."""
        side = max(1, round(count**0.5))
        images = rng.normal("samples", [side * side, 28, 28, 1])
        angles = [0.5 * math.pi * (1.0 - step / self.sampling_steps) for step in range(self.sampling_steps + 1)]
        for angle, smaller in itertools.pairwise(angles):
            found = upcast(self.average([images, _waves(tf.fill([side * side, 1, 1, 1], 2.0 * angle / math.pi))]))
            clean = tf.clip_by_value((images - math.sin(angle) * found) / max(math.cos(angle), 0.02), -1.0, 1.0)
            images = math.cos(smaller) * clean + math.sin(smaller) * found
        return tf.reshape(images, [side, side, 28, 28, 1])


def _waves(time: Tensor) -> Tensor:
    """A time as sines and cosines of eight frequencies."""
    angles = time * tf.constant([2.0**power * math.pi for power in range(8)])
    return tf.concat([tf.sin(angles), tf.cos(angles)], axis=-1)
