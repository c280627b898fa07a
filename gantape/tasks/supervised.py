"""Supervised learning, from inputs and targets."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gantape.errors import DataError, RangeError, ShapeError, TaskError
from gantape.random.rng import RandomStreams
from gantape.shapes import axes_of, describe
from gantape.steps.losses import Losses, upcast_outputs
from gantape.steps.step import Update
from gantape.tasks.inputs import check_inputs, chosen_inputs, output_spec
from gantape.tasks.outputs import Outputs
from gantape.tasks.part import Part
from gantape.tasks.task import Task
from gantape.types import Batch, Model, Optimizer, OutputLosses


class SupervisedTask(Task):
    """One model and one optimizer: a batch is `(inputs, targets)`, or `(inputs, targets, sample_weight)`.

    ```python
    class DigitClassifier(gt.SupervisedTask):
        learning_rate: float = 1e-3

        def build_model(self): ...
        def build_optimizer(self): return keras.optimizers.SGD(self.learning_rate)
        def build_loss(self): return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        def build_metrics(self): return gt.MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())
    ```

    Losses, weights and metrics are those of Keras' `compile` and `fit`: sample weights multiply the loss of each example, and
    metrics ignore them; `OutputMetric` makes a metric that does not, or that sees one output of several. The losses of several
    outputs are logged as `<output>_loss`, before their weights.
    """

    model = Part[Model]()
    optimizer = Part[Optimizer]()
    loss = Part[OutputLosses]()
    loss_weights = Part[Mapping[str, float] | Sequence[float]]()
    class_weights = Part[Mapping[int, float]]()

    @abstractmethod
    def build_model(self) -> Model:
        """The model, which maps inputs to predictions."""

    @abstractmethod
    def build_optimizer(self) -> Optimizer:
        """The optimizer of the model's trainable variables."""

    @abstractmethod
    def build_loss(self) -> OutputLosses:
        """`loss(targets, predictions)`, a scalar: a loss of Keras, or a function like it.

        For a model with several outputs: a function of all targets and predictions; one loss of Keras, for each alike; or a
        dict or list with a loss for each output.
        """

    def build_loss_weights(self) -> Mapping[str, float] | Sequence[float]:
        """The factor of each output's loss, by name or in order; 1 for those left out."""
        return {}

    def build_class_weights(self) -> Mapping[int, float]:
        """The weight of the examples of each class in training, 1 for those left out, as in `fit(class_weight=)`."""
        return {}

    def updates(self) -> tuple[Update, ...]:
        return (Update("model", self._training, (self.model,), self.optimizer),)

    def evaluate(self, batch: Batch, rng: RandomStreams) -> Losses:
        return self._losses(batch, training=False)

    def check_parts(self) -> None:
        """Raise a `TaskError` unless losses are functions and weights are numbers."""
        several = isinstance(self.loss, Mapping | list | tuple)
        losses: Any = self.loss.values() if isinstance(self.loss, Mapping) else self.loss if several else [self.loss]
        for loss in losses:
            if loss is not None and (isinstance(loss, type) or not callable(loss)):
                raise TaskError(
                    "a loss is a function of targets and predictions.",
                    where=f"{type(self).__name__}.build_loss",
                    got=repr(loss),
                    do="return an instance, such as keras.losses.MeanSquaredError(); keras.losses.get(...) finds one by name.",
                )

        factors = self.loss_weights.values() if isinstance(self.loss_weights, Mapping) else self.loss_weights
        of_classes = all(isinstance(label, int | np.integer) for label in self.class_weights)
        if not of_classes or not all(isinstance(weight, Real) for weight in [*factors, *self.class_weights.values()]):
            raise TaskError(
                "weights are numbers; those of classes belong to whole numbers.",
                where=f"{type(self).__name__}.build_loss_weights, build_class_weights",
                got=f"{self.loss_weights!r}, {self.class_weights!r}",
                do='return {"output": 0.5} for losses, {0: 2.0} for classes.',
            )

    def check_batch(self, batch: Batch) -> None:
        """Check a batch against the model's inputs and outputs.

        Raises:
            DataError: If the batch is no pair, lacks an input, or holds sample weights that the task does not expect.
            DtypeError: If the model takes floats and the inputs are integers.
            ShapeError: If the inputs do not fit the model, or sample weights the examples.
            RangeError: If a label is not one of the model's classes.
        """
        name = type(self).__name__
        inputs, targets, weights = self._unpack(batch)
        check_inputs(self.model, inputs, f"{name}.model, argument `inputs`")
        if weights is not None and self.class_weights:
            raise DataError(
                "examples have either sample weights or class weights.",
                where=name,
                got="batches with sample weights, and build_class_weights",
                do="multiply them in the data.",
            )
        examples = axes_of(tf.nest.flatten(inputs)[0])[:1]
        for tensor in [] if weights is None else map(tf.convert_to_tensor, tf.nest.flatten(weights)):
            if axes_of(tensor)[:1] != examples or not (tensor.dtype.is_floating or tensor.dtype.is_integer):
                raise ShapeError(
                    "sample weights are numbers, one for each example.",
                    where=f"{name}, argument `sample_weight`",
                    got=f"{describe(tensor)} for {examples[0]} examples",
                    do="give a third array with the axis of the examples first.",
                )
        spec = output_spec(self.model)
        if spec is not None:
            self._check_labels(Outputs.of(self.model, (targets, weights), spec, name))

    def _check_labels(self, outputs: Outputs) -> None:
        """Check integer labels: for one out of range, Keras computes NaN or an arbitrary number."""
        for one, loss in outputs.each(self.loss):
            shape = axes_of(one.predictions) if hasattr(one.predictions, "shape") else ()
            if not isinstance(loss, keras.losses.SparseCategoricalCrossentropy) or not shape:
                continue
            classes, labels = shape[-1], tf.convert_to_tensor(one.targets)
            if classes is None or not labels.dtype.is_integer or loss.ignore_class is not None:
                continue
            low, high = int(tf.reduce_min(labels)), int(tf.reduce_max(labels))
            if low < 0 or high >= classes:
                raise RangeError(
                    "a label is not one of the model's classes.",
                    where=f"{type(self).__name__}, argument `targets`",
                    got=f"labels from {low} to {high}, where the model has {classes} outputs",
                    do=f"number the classes from 0 to {classes - 1}, or give the model one output for each class.",
                )

    def _training(self, batch: Batch, rng: RandomStreams) -> Losses:
        return self._losses(batch, training=True)

    def _losses(self, batch: Batch, *, training: bool) -> Losses:
        inputs, targets, weights = self._unpack(batch)
        predictions = upcast_outputs(self.model(chosen_inputs(self.model, inputs), training=training))
        outputs = Outputs.of(self.model, (targets, weights), predictions, type(self).__name__)
        if training and self.class_weights:
            outputs = outputs.class_weighted(self.class_weights)
        loss, by_output = outputs.losses(self.loss, self.loss_weights)
        metrics = self.metrics if training else self.evaluation_metrics
        seen = {name: outputs.arguments(metrics[name]) for name in metrics.names}
        return Losses({"data": loss}, seen, {f"{name}_loss": value for name, value in by_output.items()})

    def _unpack(self, batch: Batch) -> tuple[Any, Any, Any]:
        """Inputs, targets, and sample weights or `None`."""
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise DataError(
                "a batch of a supervised task is a pair (inputs, targets), or a triple with sample weights.",
                where=type(self).__name__,
                got=type(batch).__name__ + (f" of {len(batch)}" if isinstance(batch, tuple | list) else ""),
                do="make the batches from a pair: gantape.data.from_arrays((inputs, targets), batch_size=...).",
            )
        return batch[0], batch[1], batch[2] if len(batch) == 3 else None
