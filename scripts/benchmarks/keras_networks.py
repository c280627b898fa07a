"""Networks, optimizers and losses in Keras, and the gantape tasks of the workloads."""

from typing import Any

import keras
import tensorflow as tf

import gantape as gt
from benchmarks import architecture as a
from benchmarks import workloads as w
from gantape import zoo
from gantape.layers import faster


def network(description: a.Network, name: str = "network") -> Any:
    """A `keras.Sequential` with TensorFlow's own layers."""
    layers = [keras.Input(shape=description.input_shape), *map(_layer, description.layers)]
    return keras.Sequential(layers, name=name)


def optimizer(description: w.Optimizer) -> Any:
    """An optimizer of Keras."""
    if description.method == "sgd":
        return keras.optimizers.SGD(description.learning_rate)
    return keras.optimizers.Adam(description.learning_rate, description.beta_1, description.beta_2)


def task(workload: w.Workload, shared: bool = False) -> gt.Task:
    """The task of a workload: the zoo's for the two networks of the Keras guide. A GAN's updates can share examples."""
    problem = workload.problem
    if workload == w.WORKLOADS["mlp"]:
        return zoo.DigitClassifier(learning_rate=1e-3)
    match problem:
        case w.Nothing():
            return _Empty()
        case w.Classifier():
            return _Classifier(problem=problem)
        case w.GAN(loss="noisy-labels"):
            return zoo.GuideDCGAN(shared_examples=shared)
        case w.GAN():
            return _Adversarial(
                problem=problem,
                latent_size=problem.latent_size,
                discriminator_updates=problem.discriminator_updates,
                shared_examples=shared,
            )


def _layer(description: a.Layer) -> Any:
    layers = keras.layers
    match description:
        case a.Dense(units):
            return layers.Dense(units)
        case a.Convolution(filters, kernel, stride):
            return layers.Conv2D(filters, kernel, strides=stride, padding="same")
        case a.TransposedConvolution(filters, kernel, stride):
            return layers.Conv2DTranspose(filters, kernel, strides=stride, padding="same")
        case a.BatchNorm():
            return layers.BatchNormalization()
        case a.Dropout(rate):
            return layers.Dropout(rate)
        case a.Activation("leaky_relu"):
            return layers.LeakyReLU(negative_slope=0.2)
        case a.Activation(function):
            return layers.Activation(function)
        case a.Reshape(height, width, channels):
            return layers.Reshape((height, width, channels))
        case a.Flatten():
            return layers.Flatten()
        case a.GlobalMaximum():
            return layers.GlobalMaxPooling2D()


class _Classifier(gt.SupervisedTask):
    problem: w.Classifier

    def build_model(self) -> Any:
        return faster(network(self.problem.network))

    def build_optimizer(self) -> Any:
        return optimizer(self.problem.optimizer)

    def build_loss(self) -> Any:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def build_metrics(self) -> gt.MetricSet:
        return gt.MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())


class _Adversarial(gt.AdversarialTask):
    problem: w.GAN

    def build_generator(self) -> Any:
        return faster(network(self.problem.generator, "generator"))

    def build_discriminator(self) -> Any:
        return faster(network(self.problem.discriminator, "discriminator"))

    def build_generator_optimizer(self) -> Any:
        return optimizer(self.problem.generator_optimizer)

    def build_discriminator_optimizer(self) -> Any:
        return optimizer(self.problem.discriminator_optimizer)

    def build_loss(self) -> gt.losses.AdversarialLoss:
        return gt.losses.Wasserstein() if self.problem.loss == "wasserstein" else gt.losses.NonSaturating()

    def build_penalties(self) -> tuple[gt.losses.Penalty, ...]:
        return (gt.losses.GradientPenalty(weight=10.0),) if self.problem.loss == "wasserstein" else ()


class _Empty(gt.Task):
    number = gt.Part[Any]()
    optimizer = gt.Part[Any]()

    def build_number(self) -> Any:
        return keras.Variable(1.0)

    def build_optimizer(self) -> Any:
        return keras.optimizers.SGD(1e-3)

    def updates(self) -> tuple[gt.Update, ...]:
        return (gt.Update("number", self._loss, (self.number,), self.optimizer),)

    def _loss(self, batch: Any, rng: gt.RandomStreams) -> gt.Losses:
        return gt.Losses({"square": tf.square(self.number.value)})
