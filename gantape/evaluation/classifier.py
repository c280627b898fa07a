"""The judge's classifier, as a task."""

from typing import Any

import keras
import tensorflow as tf

from gantape.metrics import MetricSet
from gantape.tasks import SupervisedTask, require_positive
from gantape.types import LossFunction, Model, Optimizer, Tensor


class JudgeClassifier(SupervisedTask):
    """A small convolutional classifier of images with pixels from 0 to 1, whose penultimate layer gives the features.

    Args:
        height: Height of an image.
        width: Width of an image.
        channels: Channels of an image.
        classes: Number of classes.
        features: Number of features. Few features keep the N that metrics need small: at most 128.
        filters: Channels of the first convolution; the second has twice as many.
        shift: Largest random shift of a training batch in each direction, in pixels.
        learning_rate: Initial learning rate of Adam; it falls to zero along half a cosine.
        batch_size: Images in a batch.
        steps: Training steps.
    """

    height: int = 28
    width: int = 28
    channels: int = 1
    classes: int = 10
    features: int = 64
    filters: int = 32
    shift: int = 2
    learning_rate: float = 2e-3
    batch_size: int = 128
    steps: int = 1500

    def check_hyperparameters(self) -> None:
        positive = ("height", "width", "channels", "classes", "features", "filters", "learning_rate", "batch_size", "steps")
        require_positive(self, *positive)

    def build_model(self) -> Model:
        layers = keras.layers
        # Own seeds, so that training a judge does not change the global random state.
        first, second, third, fourth = (keras.initializers.GlorotUniform(seed=number) for number in range(4))
        network: list[Any] = [keras.Input((self.height, self.width, self.channels))]
        if self.shift:
            network.append(_RandomShift(self.shift))
        for filters, start in ((self.filters, first), (2 * self.filters, second)):
            network += [
                layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer=start),
                layers.BatchNormalization(momentum=0.9),
                layers.ReLU(),
                layers.MaxPooling2D(),
            ]
        network += [
            layers.Flatten(),
            layers.Dense(self.features, use_bias=False, kernel_initializer=third),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(name="features"),
            layers.Dropout(0.3, seed=0),
            layers.Dense(self.classes, name="logits", kernel_initializer=fourth),
        ]
        return keras.Sequential(network, name="judge")

    def build_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(self.learning_rate, self.steps))

    def build_loss(self) -> LossFunction:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def build_metrics(self) -> MetricSet:
        return MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())


class _RandomShift(keras.layers.Layer):
    """Shifts a whole batch by the same few pixels in training, filling with zeros.

    The layers of Keras 3.15 that shift each image separately run on one core and take longer than the convolutions.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._seeds = keras.random.SeedGenerator(0)

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        if not training:
            return images
        offsets = keras.random.randint((2,), 0, 2 * self._most + 1, seed=self._seeds)
        margins = [[0, 0], [self._most, self._most], [self._most, self._most], [0, 0]]
        begin = tf.concat([[0], offsets, [0]], axis=0)
        return tf.ensure_shape(tf.slice(tf.pad(images, margins), begin, tf.shape(images)), images.shape)
