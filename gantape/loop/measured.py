"""The metrics that have measured something: a row of the history has no value of the others."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from gantape._tensorflow import PACKAGE
from gantape.errors import listed, warn
from gantape.steps.saved import variables_restored
from gantape.steps.step import Step
from gantape.tasks import Task
from gantape.types import Metric


class MeasuredMetrics:
    """Tells which metrics of training have measured something since the last row.

    A metric belongs to the updates whose losses give it arguments, and has a value wherever one of them has a loss.

    Args:
        task: The task.
        step: Its step.
    """

    def __init__(self, task: Task, step: Step) -> None:
        self._task = task
        self._step = step
        self._checked = False

    def since(self, means: Mapping[str, float]) -> list[str]:
        """The metrics that have measured something in the steps whose means these are; one that never does is a warning."""
        traced, every = self._step.measured, [update.name for update in self._step.updates]
        done = [name for name in every if (f"{name}/loss" if len(every) > 1 else "loss") in means]
        names = set().union(*(traced.get(name, ()) for name in done))
        if not self._checked and len(traced) == len(every):
            self._checked = True
            warn_of_unmeasured(self._task, "build_metrics", set().union(*traced.values()))
        metrics = self._task.metrics
        # A resumed run may record a row before it has traced the updates that the row is about.
        unknown = not traced.keys() >= set(done)
        return [name for name in metrics.names if name in names or (unknown and _has_changed(metrics[name]))]


def warn_of_unmeasured(task: Task, method: str, measured: Collection[str]) -> None:
    """Warn if a metric that a user's task declares gets no arguments from any loss.

    Args:
        task: The task.
        method: The method that declares the metrics: `build_metrics` or `build_evaluation_metrics`.
        measured: The names of those that get arguments.
    """
    evaluated = method == "build_evaluation_metrics"
    names = task.evaluation_metrics.names if evaluated else task.metrics.names
    without = [name for name in names if name not in measured]
    # Losses of a subclass may have no use for the metrics of a class of gantape.
    if without and getattr(type(task), method).__module__.partition(".")[0] != PACKAGE:
        warn(
            f"a metric gets no arguments from any loss of {'evaluation' if evaluated else 'training'}, and is not recorded.",
            where=f"{type(task).__name__}.{method}",
            got=listed(without),
            do="return its arguments in Losses(metrics={name: (labels, predictions)}), or leave the metric out; "
            "build_evaluation_metrics declares those that only `evaluate` has.",
        )


def _has_changed(metric: Metric) -> bool:
    """Whether the state of a metric is another than after a reset."""
    with variables_restored(metric.variables):
        before: list[Any] = [np.array(variable.numpy()) for variable in metric.variables]
        metric.reset_state()
        return any(not np.array_equal(old, new.numpy()) for old, new in zip(before, metric.variables, strict=True))
