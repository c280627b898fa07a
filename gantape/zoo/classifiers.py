"""Classifiers of 28×28 images: the networks of the first four sections of the Keras guide."""

from typing import Any

import keras
import tensorflow as tf

from gantape.metrics import MetricSet
from gantape.tasks import SupervisedTask, require_positive
from gantape.types import LossFunction, Model, Optimizer, Tensor


class DigitClassifier(SupervisedTask):
    """The guide's classifier: two dense layers of 64 units, 10 logits, plain gradient descent.

    Args:
        hidden_units: Units in each of the two hidden layers.
        learning_rate: Learning rate. The guide's 0.001 is for pixels from 0 to 255; 0.1 suits pixels from 0 to 1.
        activity_weight: Weight of the activity regularisation in the guide's section on `add_loss`; 0 for none.
    """

    hidden_units: int = 64
    learning_rate: float = 0.1
    activity_weight: float = 0.0

    def check_hyperparameters(self) -> None:
        require_positive(self, "hidden_units", "learning_rate")

    def build_model(self) -> Model:
        layers: list[Any] = [
            keras.Input(shape=(28, 28, 1), name="digits"),
            keras.layers.Flatten(),
            keras.layers.Dense(self.hidden_units, activation="relu"),
            keras.layers.Dense(self.hidden_units, activation="relu"),
            keras.layers.Dense(10, name="predictions"),
        ]
        if self.activity_weight:
            layers.insert(3, ActivityRegularization(self.activity_weight))
        return keras.Sequential(layers, name="classifier")

    def build_optimizer(self) -> Optimizer:
        return keras.optimizers.SGD(self.learning_rate)

    def build_loss(self) -> LossFunction:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def build_metrics(self) -> MetricSet:
        return MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())


@keras.saving.register_keras_serializable("gantape")
class ActivityRegularization(keras.layers.Layer):
    """Adds `weight · Σ inputs` to the losses of the model, and returns its inputs.

    Args:
        weight: The factor of the sum.
        options: Options of `keras.layers.Layer`.
    """

    def __init__(self, weight: float = 1e-2, **options: Any) -> None:
        super().__init__(**options)
        self.weight = weight

    def call(self, inputs: Tensor) -> Tensor:
        self.add_loss(self.weight * tf.reduce_sum(inputs))
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight": self.weight}
