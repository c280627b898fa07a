"""Which targets, predictions and sample weights of a model with several outputs belong together."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape._tensorflow import with_autograph
from gantape.distribute.replicas import replicas
from gantape.errors import DataError, LossError, ShapeError, TaskError
from gantape.shapes import axes_of
from gantape.types import Metric, Model, Tensor, Variable


class OutputMetric:
    """A metric that sees one output of a model only, or that counts each example by its sample weight.

    Args:
        metric: A metric of Keras.
        output: The name of the output, or its position from 0; by default the metric sees all.
        weighted: Whether sample weights and class weights enter, as in Keras' `weighted_metrics`.
    """

    def __init__(self, metric: Metric, output: str | int | None = None, *, weighted: bool = False) -> None:
        self.metric = metric
        self.output = output
        self.weighted = weighted

    @property
    def variables(self) -> Sequence[Variable]:
        """The variables of the metric."""
        return self.metric.variables

    def update_state(self, *arguments: Any) -> None:
        """Update the metric with targets, predictions and, if it is weighted, weights."""
        self.metric.update_state(*arguments)

    def result(self) -> Any:
        """The value of the metric."""
        return self.metric.result()

    def reset_state(self) -> None:
        """Reset the metric."""
        self.metric.reset_state()


_ONE = "the model has one output: give one, in no dict or list."


@attrs.frozen(eq=False)
class Outputs:
    """What a model predicted for a batch, beside the targets and the sample weights.

    Args:
        targets: The targets.
        predictions: The predictions: a tensor, or a dict, list, tuple or named tuple with one entry for each output.
        weights: Sample weights: one tensor for all outputs, or one for each; `None` for none.
        names: The names of the outputs, if there are several; empty if the predictions are none of these.
        where: The task, in errors.
    """

    targets: Any
    predictions: Any
    weights: Any
    names: tuple[str, ...]
    where: str

    @classmethod
    def of(cls, model: Model, known: tuple[Any, Any], predictions: Any, where: str) -> "Outputs":
        """The outputs of a model, where targets and weights are known. Outputs in a list have the names of their layers."""
        targets, weights = known
        return cls(targets, predictions, weights, _names_of(model, predictions), where)

    def select(self, output: str | int) -> "Outputs":
        """One output.

        Args:
            output: Its name, or its position from 0.

        Raises:
            TaskError: If there is no such output.
            DataError: If there are no targets for it.
        """
        known = self.names or ("",)
        name = known[output] if isinstance(output, int) and 0 <= output < len(known) else output
        if name not in known:
            raise TaskError(
                "the model has no such output.",
                where=self.where,
                got=repr(output),
                do=f"name one of its outputs: {', '.join(known) or 'it has one only'}.",
            )
        if not self.names:
            return self
        assert isinstance(name, str)
        targets = self._by_name(self.targets, "targets")
        if name not in targets:
            raise DataError(
                f'there are no targets for the output "{name}".',
                where=self.where,
                got=f"targets {', '.join(map(str, targets))}",
                do="give targets by the names of the outputs, or in their order.",
            )
        nested = isinstance(self.weights, dict | list | tuple)
        weights = self._by_name(self.weights, "sample weights").get(name) if nested else self.weights
        predictions = self._by_name(self.predictions, "predictions")
        return Outputs(targets[name], predictions[name], weights, (), self.where)

    def arguments(self, metric: Metric) -> tuple[Any, ...]:
        """The arguments of a metric's `update_state`: targets, predictions and, if it is weighted, weights."""
        if not isinstance(metric, OutputMetric):
            return self.targets, self.predictions
        seen = self if metric.output is None else self.select(metric.output)
        weighted = metric.weighted and seen.weights is not None
        return (seen.targets, seen.predictions, seen.weights) if weighted else (seen.targets, seen.predictions)

    def loss(self, function: Any) -> Tensor:
        """The value of one loss.

        Raises:
            LossError: If it is not a scalar, does not take sample weights where there are some, or is a sum on several devices.
        """
        if replicas() > 1 and getattr(function, "reduction", None) == "sum":
            raise LossError(
                "a loss that is a sum over examples depends on how the batch is cut for several devices.",
                where=f"{self.where}.build_loss",
                got=f'{type(function).__name__} with reduction="sum"',
                do="leave out `reduction`: the mean over examples is the same on every number of devices.",
            )
        if self.weights is None:
            value = with_autograph(function)(self.targets, self.predictions)
        elif _takes_weights(function):
            self._check_weights(function)
            value = with_autograph(function)(self.targets, self.predictions, sample_weight=self.weights)
        else:
            raise LossError(
                "the batches hold sample weights, which this loss does not take.",
                where=f"{self.where}.build_loss",
                got=getattr(function, "__name__", repr(function)),
                do="return an instance of a class in keras.losses, or write loss(targets, predictions, sample_weight=None).",
            )
        value = tf.convert_to_tensor(value)
        if axes_of(value) != ():
            raise LossError(
                "the loss is not a scalar.",
                where=f"{self.where}.build_loss",
                got=f"shape {axes_of(value)}, for targets {_shapes(self.targets)} and predictions {_shapes(self.predictions)}",
                do="reduce it over the batch, with tf.reduce_mean for instance; for a class of Keras, leave out `reduction`.",
            )
        return value

    def each(self, losses: Any) -> list[tuple["Outputs", Any]]:
        """Each output that has a loss, with its loss; for a function of all outputs, these as they are.

        Args:
            losses: One function of all outputs; one loss of Keras, for each output alike; or one for each output, by name or in
                order, `None` for an output without.

        Raises:
            TaskError: If a loss belongs to no output.
        """
        return [(self.select(name), loss) if name else (self, loss) for name, loss in self._losses_by_name(losses).items()]

    def _check_weights(self, function: Any) -> None:
        """Check weights against the values of a Keras loss, one for each row of the last axis of predictions."""
        if not isinstance(function, keras.losses.Loss) or not tf.is_tensor(self.predictions):
            return
        values, weights = axes_of(self.predictions)[:-1], axes_of(tf.convert_to_tensor(self.weights))
        if len(values) > max(len(weights), 1):
            raise ShapeError(
                "there are fewer sample weights than values of the loss.",
                where=f"{self.where}, argument `sample_weight`",
                got=f"weights of shape {weights} for values of shape {values}",
                do="give a weight for each value, such as numpy.repeat(weights[:, None], steps, axis=1) for sequences.",
            )

    def losses(self, losses: Any, factors: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the losses, and, if there are several outputs, the loss of each.

        Args:
            losses: As for `each`.
            factors: The factor of each loss in the sum, by name or in order; 1 for those left out.

        Raises:
            TaskError: If a loss or a factor belongs to no output.
        """
        own = self._losses_by_name(losses)
        weights = self._by_name(factors, "loss weights") if factors else {}
        self._check_known(weights.keys() - own.keys(), "build_loss_weights")
        values = {name: one.loss(loss) for name, (one, loss) in zip(own, self.each(losses), strict=True)}
        total: Any = sum(weights.get(name, 1.0) * value for name, value in values.items())
        return total, {name: value for name, value in values.items() if name}

    def class_weighted(self, class_weights: Mapping[int, float]) -> "Outputs":
        """The same with weights of classes, of labels that are whole numbers or one-hot; a class that is left out has 1.

        Raises:
            TaskError: If there are several outputs.
        """
        if self.names:
            raise TaskError(
                "class weights are for a model with one output.",
                where=f"{self.where}.build_class_weights",
                got=f"outputs {', '.join(self.names)}",
                do="give sample weights for each output: batches of (inputs, targets, sample_weight).",
            )
        labels, predicted = tf.convert_to_tensor(self.targets), axes_of(self.predictions)
        axes = axes_of(labels)
        if len(axes) == len(predicted) and len(axes) > 1:
            labels = tf.squeeze(labels, -1) if axes[-1] == 1 else tf.argmax(labels, -1)
        classes = tf.cast(tf.round(tf.cast(labels, tf.float32)), tf.int32)
        weights = tf.ones_like(classes, keras.config.floatx())
        for label, weight in class_weights.items():
            weights = tf.where(classes == int(label), tf.cast(weight, weights.dtype), weights)
        return attrs.evolve(self, weights=weights)

    def _losses_by_name(self, losses: Any) -> dict[str, Any]:
        if not isinstance(losses, Mapping | list | tuple):
            alike = self.names and isinstance(losses, keras.losses.Loss)
            return dict.fromkeys(self.names, losses) if alike else {"": losses}
        own = {name: loss for name, loss in self._by_name(losses, "losses").items() if loss is not None}
        self._check_known(own.keys() - set(self.names) if own else ["no loss"], "build_loss")
        return own

    def _check_known(self, unknown: Iterable[str], method: str) -> None:
        if unknown:
            raise TaskError(
                "what a method names is no output of the model with a loss.",
                where=f"{self.where}.{method}",
                got=", ".join(sorted(unknown)),
                do=f"name the outputs: {', '.join(self.names)}." if self.names else _ONE,
            )

    def _by_name(self, given: Any, what: str) -> dict[str, Any]:
        """What is given for the outputs, by their names."""
        if isinstance(given, Mapping):
            return dict(given)
        ordered = not isinstance(self.predictions, Mapping) or what == "predictions"
        if isinstance(given, list | tuple) and ordered and len(given) == len(self.names):
            return dict(zip(self.names, given, strict=True))
        names = ", ".join(self.names)
        raise TaskError(
            f"{what} do not fit the outputs of the model.",
            where=self.where,
            got=f"{len(given)} in a {type(given).__name__}" if isinstance(given, list | tuple) else type(given).__name__,
            do=f"give a dict with the names {names}." if self.names else _ONE,
        )


def _names_of(model: Model, predictions: Any) -> tuple[str, ...]:
    if isinstance(predictions, Mapping):
        return tuple(map(str, predictions))
    if not isinstance(predictions, list | tuple):
        return ()
    fields = getattr(predictions, "_fields", None) or getattr(model, "output_names", None) or ()
    fits = len(set(fields)) == len(predictions)
    return tuple(fields) if fits else tuple(f"output_{place}" for place in range(len(predictions)))


def _takes_weights(function: Any) -> bool:
    try:
        return "sample_weight" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def _shapes(values: Any) -> Any:
    return tf.nest.map_structure(lambda leaf: axes_of(leaf) if hasattr(leaf, "shape") else leaf, values)
