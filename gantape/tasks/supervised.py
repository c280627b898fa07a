"""Supervised learning, from inputs and targets."""

from abc import abstractmethod
from typing import Any

import keras
import tensorflow as tf

from gantape._tensorflow import with_autograph
from gantape.errors import DataError, DtypeError, LossError, RangeError, ShapeError
from gantape.losses import upcast
from gantape.random.rng import RandomStreams
from gantape.shapes import axes_of, describe, dtype_name
from gantape.steps.losses import Losses
from gantape.steps.step import Update
from gantape.tasks.part import Part
from gantape.tasks.task import Task
from gantape.types import Batch, LossFunction, Model, Optimizer


class SupervisedTask(Task):
    """One model, one optimizer, one loss: a batch is `(inputs, targets)`.

    ```python
    class DigitClassifier(gt.SupervisedTask):
        learning_rate: float = 1e-3

        def build_model(self): ...
        def build_optimizer(self): return keras.optimizers.SGD(self.learning_rate)
        def build_loss(self): return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        def build_metrics(self): return gt.MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())
    ```
    """

    model = Part[Model]()
    optimizer = Part[Optimizer]()
    loss = Part[LossFunction]()

    @abstractmethod
    def build_model(self) -> Model:
        """The model, which maps inputs to predictions."""

    @abstractmethod
    def build_optimizer(self) -> Optimizer:
        """The optimizer of the model's trainable variables."""

    @abstractmethod
    def build_loss(self) -> LossFunction:
        """`loss(targets, predictions)`, a scalar: a loss of Keras, or a function like it."""

    def updates(self) -> tuple[Update, ...]:
        return (Update("model", self._training, (self.model,), self.optimizer),)

    def evaluate(self, batch: Batch, rng: RandomStreams) -> Losses:
        return self._losses(batch, training=False)

    def check_batch(self, batch: Batch) -> None:
        """Check a batch against the model's inputs.

        Raises:
            DataError: If the batch is not a pair.
            DtypeError: If the model takes floats and the inputs are integers.
            ShapeError: If the inputs do not fit the model.
            RangeError: If a label is not one of the model's classes.
        """
        inputs, targets = self._pair(batch)
        where = f"{type(self).__name__}.model, argument `inputs`"
        wanted = getattr(self.model, "inputs", None) or []
        for tensor, spec in zip(tf.nest.flatten(inputs), wanted, strict=False):
            if "float" in dtype_name(spec) and "float" not in dtype_name(tensor):
                raise DtypeError(
                    "the model takes floating-point numbers.",
                    where=where,
                    got=describe(tensor),
                    do="scale bytes to floats: prepare=gantape.data.scale_pixels() does it inside the graph.",
                )
            axes, expected = axes_of(tensor), axes_of(spec)
            if len(axes) != len(expected) or any(
                size != fixed for size, fixed in zip(axes, expected, strict=True) if fixed is not None
            ):
                raise ShapeError(
                    "the inputs do not fit the model.",
                    where=where,
                    got=f"{describe(tensor)}, where the model takes {expected}",
                    do="reshape the data, or begin the model with keras.Input of the data's shape.",
                )

        self._check_labels(targets)

    def _check_labels(self, targets: Any) -> None:
        """Check integer labels: for one out of range, Keras computes NaN or an arbitrary number."""
        shape = getattr(self.model, "output_shape", None)
        if not isinstance(self.loss, keras.losses.SparseCategoricalCrossentropy) or not isinstance(shape, tuple):
            return
        classes, labels = shape[-1], tf.convert_to_tensor(targets)
        if classes is None or labels.dtype.is_floating or not labels.dtype.is_integer or self.loss.ignore_class is not None:
            return
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
        inputs, targets = self._pair(batch)
        predictions = tf.nest.map_structure(upcast, self.model(inputs, training=training))
        loss = with_autograph(self.loss)(targets, predictions)
        if axes_of(tf.convert_to_tensor(loss)) != ():
            raise LossError(
                "the loss is not a scalar.",
                where=f"{type(self).__name__}.build_loss",
                got=f"shape {axes_of(loss)}, for targets {axes_of(targets)} and predictions {axes_of(predictions)}",
                do="reduce it over the batch, with tf.reduce_mean for instance.",
            )
        seen = (targets, predictions)
        return Losses({"data": loss}, dict.fromkeys(self.metrics.names, seen))

    def _pair(self, batch: Batch) -> tuple[Any, Any]:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise DataError(
                "a batch of a supervised task is a pair (inputs, targets).",
                where=type(self).__name__,
                got=type(batch).__name__ + (f" of {len(batch)}" if isinstance(batch, tuple | list) else ""),
                do="make the batches from a pair: gantape.data.from_arrays((inputs, targets), batch_size=...).",
            )
        return batch[0], batch[1]
