"""Keras metrics by name, updated in the graph and read outside of it."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from gantape._tensorflow import with_autograph
from gantape.errors import MetricError, summary
from gantape.history import check_names
from gantape.shapes import describe
from gantape.types import Metric, Variable


class MetricSet:
    """Keras metrics by name.

    A loss provides their arguments (`Losses.metrics`) from its own forward pass, so that no second pass is needed.

    Args:
        metrics: The metrics, as in `MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())`.

    Raises:
        MetricError: If something is not a metric, one metric has two names, or a name is that of another column.
    """

    def __init__(self, **metrics: Metric) -> None:
        check_names(metrics, "gantape.MetricSet", MetricError)
        for name, metric in metrics.items():
            if isinstance(metric, type) or not all(
                hasattr(metric, needed) for needed in ("update_state", "result", "reset_state", "variables")
            ):
                raise MetricError(
                    "this is not a metric of Keras.",
                    where=f"gantape.MetricSet, argument `{name}`",
                    got=repr(metric),
                    do="give an instance, such as keras.metrics.SparseCategoricalAccuracy().",
                )
        if len({id(metric) for metric in metrics.values()}) < len(metrics):
            raise MetricError(
                "one metric has two names, and would be updated twice.",
                where="gantape.MetricSet",
                got=", ".join(metrics),
                do="make a metric for each name.",
            )
        self._metrics = dict(metrics)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order given."""
        return tuple(self._metrics)

    def __getitem__(self, name: str) -> Metric:
        """The metric with this name."""
        return self._metrics[name]

    def __contains__(self, metric: Metric) -> bool:
        """Whether this metric is one of the set, under any name."""
        return any(metric is own for own in self._metrics.values())

    @property
    def variables(self) -> list[Variable]:
        """The variables of all metrics."""
        return [variable for metric in self._metrics.values() for variable in metric.variables]

    def update(self, arguments: Mapping[str, tuple[Any, ...]]) -> None:
        """Update metrics, each with the arguments given under its name.

        Raises:
            MetricError: If a name is not one of this set's, its arguments are not a tuple, or the metric cannot take them.
        """
        for name, values in arguments.items():
            if name not in self._metrics:
                raise MetricError(
                    f'there is no metric "{name}".',
                    where="gantape.MetricSet.update",
                    got=f"metrics {list(self._metrics)}",
                    do="add it in build_metrics, or leave it out of Losses.metrics.",
                )
            if not isinstance(values, tuple | list):
                raise MetricError(
                    "the arguments of a metric are a tuple.",
                    where=f'gantape.Losses, metrics, "{name}"',
                    got=type(values).__name__,
                    do=f'write {{"{name}": (value,)}}, with a comma.',
                )
            try:
                with_autograph(self._metrics[name].update_state)(*values)
            except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
                raise MetricError(
                    "a metric cannot take its arguments.",
                    where=f'metric "{name}", a {type(self._metrics[name]).__name__}',
                    got=f"{'; '.join(map(_describe, values))}: {summary(error)}",
                    do="give it the arguments of its update_state (usually labels, then predictions) in Losses.metrics; in a "
                    "supervised task with several outputs, gantape.OutputMetric(metric, output) sees one of them.",
                ) from error

    def result(self, names: Collection[str] | None = None) -> dict[str, float]:
        """The value of each metric. One with several values has a name for each: `f1/0`, `f1/1`, or `f1/key` for a dict.

        Args:
            names: The metrics; by default all.

        Raises:
            MetricError: If a metric has no value yet, or one that is not a number.
        """
        values: dict[str, float] = {}
        for name, metric in self._metrics.items():
            if names is not None and name not in names:
                continue
            try:
                values |= dict(_numbers(name, metric.result()))
            except (AttributeError, TypeError, ValueError) as error:
                raise MetricError(
                    "a metric has no value.",
                    where=f'metric "{name}", a {type(metric).__name__}',
                    got=summary(error),
                    do="return a number, an array or a dict from its result, and give it arguments in Losses.metrics.",
                ) from error
        return values

    def reset(self) -> None:
        """Reset all metrics."""
        for metric in self._metrics.values():
            metric.reset_state()

    def __repr__(self) -> str:
        return f"MetricSet({', '.join(self._metrics)})"


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """The numbers in a metric's value, each with a name."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from _numbers(f"{name}/{key}", member)
    else:
        array = np.asarray(value)
        for place, number in np.ndenumerate(array):
            yield "/".join([name, *map(str, place)]), float(number)


def _describe(value: Any) -> str:
    return describe(value) if hasattr(value, "shape") else repr(value)
