"""Metrics have their variables before the first step, and nothing else has changed by then."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import make

import gantape as gt
from gantape.tasks.late import make_late_variables
from gantape.testing import assert_resumes_exactly

layers = keras.layers
INPUTS = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
TARGETS = np.eye(3, dtype="float32")[np.random.default_rng(1).integers(0, 3, 24)]


class Composite(keras.metrics.Metric):
    """A metric with variables of its own, and another metric that makes its variables late."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.metrics.F1Score(average="macro")
        self.calls = self.add_variable((), "zeros", name="calls")

    def update_state(self, labels: Any, scores: Any) -> None:
        self.inner.update_state(labels, scores)
        self.calls.assign_add(1.0)

    def result(self) -> Any:
        return {"f1": self.inner.result(), "calls": self.calls}


METRICS = {
    "F1": lambda: keras.metrics.F1Score(average=None),
    "R2": lambda: keras.metrics.R2Score(),
    "AUC": lambda: keras.metrics.AUC(multi_label=True, num_thresholds=5),
    "composite": lambda: Composite(),
}


class Scored(gt.SupervisedTask):
    """A classifier with dropout and batch norm."""

    metric: str = "F1"

    def build_model(self):
        middle = [layers.BatchNormalization(), layers.Dropout(0.5)]
        return keras.Sequential([keras.Input((4,)), layers.Dense(5), *middle, layers.Dense(3, activation="softmax")])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def build_loss(self):
        return keras.losses.CategoricalCrossentropy()

    def build_metrics(self):
        return gt.MetricSet(m=METRICS[self.metric]())


class Untraceable(Scored):
    """A classifier whose loss runs in eager mode only."""

    def build_loss(self):
        loss = keras.losses.CategoricalCrossentropy()
        return lambda targets, scores: loss(targets, scores) * float(scores.numpy().shape[0])


def data() -> gt.data.ArrayBatches:
    """Six batches an epoch."""
    return gt.data.from_arrays((INPUTS, TARGETS), batch_size=4)


@pytest.mark.parametrize("task_class", [Scored, Untraceable])
@pytest.mark.parametrize("metric", METRICS)
def test_metrics_are_made_from_what_they_will_see_and_nothing_is_run(task_class: Any, metric: str) -> None:
    task = make(task_class, metric=metric)
    before = {id(variable): np.array(variable.numpy()) for variable in task.variables}
    batch = (tf.constant(INPUTS[:4]), tf.constant(TARGETS[:4]))
    make_late_variables(task, batch, 0, saved=True)
    made = {id(variable) for variable in task.variables}
    assert made > before.keys()
    for variable in task.variables:
        np.testing.assert_array_equal(variable.numpy(), before.get(id(variable), np.zeros(variable.shape)))
    task.metrics.update({"m": (TARGETS, TARGETS)})
    task.evaluation_metrics.update({"m": (TARGETS, TARGETS)})
    assert {id(variable) for variable in task.variables} == made
    reference = METRICS[metric]()
    reference.update_state(TARGETS, TARGETS)
    assert task.metrics.result() == gt.MetricSet(m=reference).result()


@pytest.mark.parametrize(("task_class", "metric"), [(Scored, "composite"), (Untraceable, "F1")])
def test_metrics_are_resumed_in_the_middle_of_an_epoch(task_class: Any, metric: str) -> None:
    compiler = gt.StepCompiler("eager")
    assert_resumes_exactly(lambda: task_class(metric=metric), data(), steps=6, stops=(4,), compiler=compiler)


def test_an_untraceable_layer_without_variables_is_refused() -> None:
    class Unbuilt(Untraceable):
        def build_extra(self):
            return layers.Dense(3)

        def build_loss(self):
            return lambda targets, scores: tf.reduce_mean(self.extra(scores)) * float(scores.numpy().shape[0])

    with pytest.raises(gt.errors.TaskError, match="in its first call"):
        gt.Loop(Unbuilt(), compiler=gt.StepCompiler("eager"), progress=False).run(data(), steps=1)
