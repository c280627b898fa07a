"""A classifier of transformations, as a task: features of images are learnt without labels."""

from typing import Any

import keras
import tensorflow as tf

from gantape.losses import upcast
from gantape.metrics import MetricSet
from gantape.random.rng import RandomStreams
from gantape.steps.losses import Losses
from gantape.steps.step import Update
from gantape.tasks import Part, Task, require_positive
from gantape.types import Batch, Model, Optimizer, Tensor

DEGRADATIONS = ("none", "blurred", "noisy", "blended", "patched")
COARSEST = 8
"""Convolutions halve the sides until none is longer than this."""

layers = keras.layers


class TransformationClassifier(Task):
    """A classifier that tells how an image was turned and degraded, whose penultimate layer gives features of images.

    Each image of a batch is shifted, mirrored at random, and turned by a multiple of 90° (of 180° if it is not square); then it
    is left as it is, blurred, given noise, blended with another image, or a rectangle of another is pasted into it, by a random
    amount. To recognise this, a network has to know what images of this kind look like, locally and as a whole. A batch is
    images with pixels from 0 to 1.

    Args:
        height: Height of an image.
        width: Width of an image.
        channels: Channels of an image.
        features: Number of features. Few features keep the N that metrics need small: at most 64.
        filters: Channels of the first convolution; the others have twice and four times as many.
        learning_rate: Initial learning rate of Adam; it falls to zero along half a cosine.
        batch_size: Images in a batch.
        steps: Training steps.

    References:
        Gidaris et al. 2018, arXiv 1803.07728 (rotations); Dosovitskiy et al. 2014, arXiv 1406.6909 (transformed images).
    """

    height: int = 32
    width: int = 32
    channels: int = 3
    features: int = 32
    filters: int = 16
    learning_rate: float = 2e-3
    batch_size: int = 64
    steps: int = 1000

    network = Part[Model]()
    head = Part[Model]()
    optimizer = Part[Optimizer]()

    def check_hyperparameters(self) -> None:
        positive = ("height", "width", "channels", "features", "filters", "learning_rate", "batch_size", "steps")
        require_positive(self, *positive)

    @property
    def turns(self) -> int:
        """The number of ways to turn an image that keep its shape."""
        return 4 if self.height == self.width else 2

    def build_network(self) -> Model:
        """From images to features."""
        widths = [self.filters, 2 * self.filters, 4 * self.filters]
        network: list[Any] = [keras.Input((self.height, self.width, self.channels)), _convolution(widths[0], 0, strides=1)]
        network += [layers.LeakyReLU(negative_slope=0.2), layers.AveragePooling2D(2, padding="same")]
        side, number = -(-max(self.height, self.width) // 2), 1
        while side > COARSEST or number < len(widths):
            network += [_convolution(widths[min(number, 2)], number, strides=2), layers.LeakyReLU(negative_slope=0.2)]
            side, number = -(-side // 2), number + 1
        network += [layers.GlobalAveragePooling2D(), layers.Dense(self.features, kernel_initializer=_initial(number))]
        return keras.Sequential(network, name="features")

    def build_head(self) -> Model:
        """From features to the logits of turns and of degradations."""
        outputs = layers.Dense(self.turns + len(DEGRADATIONS), kernel_initializer=_initial(99))
        return keras.Sequential([keras.Input((self.features,)), layers.LeakyReLU(negative_slope=0.2), outputs], name="head")

    def build_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(self.learning_rate, self.steps))

    def build_metrics(self) -> MetricSet:
        return MetricSet(
            turn_accuracy=keras.metrics.SparseCategoricalAccuracy(),
            degradation_accuracy=keras.metrics.SparseCategoricalAccuracy(),
        )

    def updates(self) -> tuple[Update, ...]:
        return (Update("classifier", self.evaluate, (self.network, self.head), self.optimizer),)

    def evaluate(self, batch: Batch, rng: RandomStreams) -> Losses:
        shifted = _shifted(batch, rng)
        mirrored, _ = _one_of([shifted, tf.reverse(shifted, [2])], "mirror", rng)
        turned, turn = self._turned(mirrored, rng)
        degraded, degradation = _degraded(turned, rng)
        logits = upcast(self.head(self.network(degraded)))
        answers = {"turn": (turn, logits[:, : self.turns]), "degradation": (degradation, logits[:, self.turns :])}
        terms = {
            name: tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(label, found))
            for name, (label, found) in answers.items()
        }
        return Losses(terms, metrics={f"{name}_accuracy": answer for name, answer in answers.items()})

    def _turned(self, images: Tensor, rng: RandomStreams) -> tuple[Tensor, Tensor]:
        views = [images, tf.reverse(images, [1, 2])]
        if self.turns == 4:
            aside = tf.transpose(images, (0, 2, 1, 3))
            views += [tf.reverse(aside, [1]), tf.reverse(aside, [2])]
        return _one_of(views, "turn", rng)


def _convolution(filters: int, number: int, *, strides: int) -> Any:
    return layers.Conv2D(filters, 3, strides=strides, padding="same", kernel_initializer=_initial(number))


def _initial(number: int) -> Any:
    # Own seeds, so that training a network for metrics does not change the global random state.
    return keras.initializers.HeNormal(seed=number)


def _one_of(views: list[Tensor], name: str, rng: RandomStreams) -> tuple[Tensor, Tensor]:
    """For each image one of its views, and the view's number."""
    chosen = tf.cast(rng.uniform(name, (tf.shape(views[0])[0],)) * len(views), tf.int32)
    return tf.gather(tf.stack(views, axis=1), chosen, batch_dims=1), chosen


def _shifted(images: Tensor, rng: RandomStreams) -> Tensor:
    """Each image shifted by up to an eighth of its sides, reflected at its edges."""
    for axis, name in ((1, "down"), (2, "right")):
        count, length = tf.shape(images)[0], images.shape[axis]
        most = length // 8
        offsets = tf.cast(rng.uniform(name, (count, 1)) * (2 * most + 1), tf.int32) - most
        places = tf.abs(tf.range(length)[None] + offsets)
        places = length - 1 - tf.abs(length - 1 - places)
        images = tf.gather(images, places, axis=axis, batch_dims=1)
    return images


def _degraded(images: Tensor, rng: RandomStreams) -> tuple[Tensor, Tensor]:
    """Each image with one of the degradations or none, and the degradation's number."""
    count, (height, width) = tf.shape(images)[0], images.shape[1:3]
    amount = rng.uniform("amount", (count, 1, 1, 1))
    coarse = tf.nn.avg_pool2d(images, 4, 4, "SAME")
    blurred = images + (0.2 + 0.8 * amount) * (tf.image.resize(coarse, (height, width)) - images)
    noisy = images + 0.2 * amount * rng.normal("noise", tf.shape(images))
    others = tf.roll(images, 1, axis=0)
    blended = images + (0.15 + 0.35 * amount) * (others - images)
    inside = tf.constant(True)
    for axis, name in ((1, "top"), (2, "left")):
        length = images.shape[axis]
        places = tf.reshape(tf.range(length, dtype=amount.dtype), [-1 if place == axis else 1 for place in range(4)])
        side = (0.3 + 0.4 * amount) * length
        start = rng.uniform(name, (count, 1, 1, 1)) * (length - side)
        inside = inside & (places >= start) & (places < start + side)
    patched = tf.where(inside, others, images)
    return _one_of([images, blurred, noisy, blended, patched], "degradation", rng)
