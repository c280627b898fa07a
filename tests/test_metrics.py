"""Metric sets: over split batches equal to the whole, and clear about what is no metric."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import gantape as gt

LABELS = np.random.default_rng(0).integers(0, 3, 24)
LOGITS = np.random.default_rng(1).normal(size=(24, 3)).astype(np.float32)


def make() -> gt.MetricSet:
    return gt.MetricSet(
        accuracy=keras.metrics.SparseCategoricalAccuracy(),
        entropy=keras.metrics.SparseCategoricalCrossentropy(from_logits=True),
    )


def reference() -> dict[str, float]:
    logits = LOGITS.astype(np.float64)
    entropies = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(24), LABELS]
    return {"accuracy": np.mean(logits.argmax(axis=1) == LABELS), "entropy": entropies.mean()}


@given(cuts=st.lists(st.integers(1, 23), unique=True).map(sorted))
def test_over_split_batches_they_equal_the_whole(cuts: list[int]) -> None:
    metrics = make()
    for labels, logits in zip(np.split(LABELS, cuts), np.split(LOGITS, cuts), strict=True):
        metrics.update(dict.fromkeys(metrics.names, (labels, logits)))
    assert metrics.result() == pytest.approx(reference(), rel=1e-6)


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_they_are_updated_in_the_graph(xla: bool) -> None:
    metrics = make()
    update = tf.function(lambda labels, logits: metrics.update(dict.fromkeys(metrics.names, (labels, logits))), jit_compile=xla)
    for place in range(0, 24, 8):
        update(tf.constant(LABELS[place : place + 8]), tf.constant(LOGITS[place : place + 8]))
    assert metrics.result() == pytest.approx(reference(), rel=1e-6)


def test_reset_forgets_all() -> None:
    metrics = make()
    before = metrics.result()
    metrics.update({"accuracy": (LABELS, LOGITS)})
    assert metrics.result() != before
    metrics.reset()
    assert metrics.result() == before
    assert all(not np.any(variable.numpy()) for variable in metrics.variables)


def test_only_the_named_metrics_are_updated() -> None:
    metrics = gt.MetricSet(first=keras.metrics.Mean(), second=keras.metrics.Mean())
    metrics.update({"second": (tf.constant([1.0, 3.0]),)})
    assert metrics.result() == {"first": 0.0, "second": 2.0}


@pytest.mark.parametrize("average", [None, "macro"])
def test_several_values_have_a_name_each(average: Any) -> None:
    labels, scores = np.eye(3, dtype="float32")[LABELS], np.exp(LOGITS)
    metric, reference = keras.metrics.F1Score(average=average), keras.metrics.F1Score(average=average)
    metrics = gt.MetricSet(f1=metric, mean=keras.metrics.Mean())
    metrics.update({"f1": (labels, scores), "mean": (LOGITS,)})
    values = np.atleast_1d(reference(labels, scores))
    names = ["f1"] if average else ["f1/0", "f1/1", "f1/2"]
    result = metrics.result()
    assert list(result) == [*names, "mean"]
    assert [result[name] for name in names] == [float(value) for value in values]


def test_a_dict_of_values_has_a_name_each() -> None:
    class Both(keras.metrics.Mean):
        def result(self) -> Any:
            return {"mean": super().result(), "parts": [1.0, 2.0]}

    assert gt.MetricSet(m=Both()).result() == {"m/mean": 0.0, "m/parts/0": 1.0, "m/parts/1": 2.0}


def test_a_metric_without_a_value_is_named() -> None:
    with pytest.raises(gt.errors.MetricError, match='metric "f1", a F1Score'):
        gt.MetricSet(f1=keras.metrics.F1Score()).result()


def test_names_and_variables_come_in_the_order_given() -> None:
    first, second = keras.metrics.Mean(), keras.metrics.MeanSquaredError()
    metrics = gt.MetricSet(zebra=first, ape=second)
    assert metrics.names == ("zebra", "ape")
    assert [id(variable) for variable in metrics.variables] == [
        id(part) for metric in (first, second) for part in metric.variables
    ]
    assert repr(metrics) == "MetricSet(zebra, ape)"
    assert (gt.MetricSet().names, gt.MetricSet().variables, gt.MetricSet().result()) == ((), [], {})


@pytest.mark.parametrize("what", ["accuracy", 3, None, keras.metrics.Mean, len], ids=repr)
def test_what_is_no_metric_is_refused(what: Any) -> None:
    with pytest.raises(gt.errors.MetricError) as caught:
        gt.MetricSet(accuracy=what)
    assert caught.value.where == "gantape.MetricSet, argument `accuracy`"
    assert caught.value.got == repr(what)


def test_one_metric_under_two_names_is_refused() -> None:
    mean = keras.metrics.Mean()
    with pytest.raises(gt.errors.MetricError, match="got:    first, second\n"):
        gt.MetricSet(first=mean, second=mean)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(gt.errors.MetricError, match=r"no metric \"precision\"(.|\n)*\['accuracy', 'entropy'\]"):
        make().update({"precision": (LABELS, LOGITS)})


@pytest.mark.parametrize("values", [3.0, tf.constant([1.0]), np.ones(2), "ab"], ids=["float", "tensor", "array", "string"])
def test_arguments_that_are_no_tuple_are_refused(values: Any) -> None:
    with pytest.raises(gt.errors.MetricError) as caught:
        gt.MetricSet(score=keras.metrics.Mean()).update({"score": values})
    assert caught.value.got == type(values).__name__
    assert '{"score": (value,)}' in caught.value.do
