"""Supervised tasks train and evaluate as `fit` and `evaluate` of Keras do: weights, losses and metrics are equal."""

from collections.abc import Callable
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt

layers, losses, metrics = keras.layers, keras.losses, keras.metrics

EXAMPLES, EPOCHS = 24, 2
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(EXAMPLES, 4)).astype("float32")
NUMBERS = INPUTS[:, :1] + 0.1
LABELS = RNG.integers(0, 3, EXAMPLES).astype("int32")
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
WEIGHTS = RNG.uniform(0.1, 2.0, EXAMPLES).astype("float32")
OTHERS = RNG.uniform(0.1, 2.0, EXAMPLES).astype("float32")
TEXTS = RNG.integers(1, 10, (EXAMPLES, 6)).astype("int32") * (np.arange(6) < RNG.integers(1, 7, (EXAMPLES, 1)))
POSITION_WEIGHTS = RNG.uniform(0.1, 2.0, (EXAMPLES, 6)).astype("float32")
TAGS = RNG.integers(0, 3, (EXAMPLES, 6)).astype("int32")


def mae(**names: Any) -> Any:
    return metrics.MeanAbsoluteError(**names)


def accuracy(**names: Any) -> Any:
    return metrics.SparseCategoricalAccuracy(**names)


class AddsLosses(layers.Layer):
    """Adds a loss that is no scalar, and a whole number."""

    def call(self, inputs):
        self.add_loss(0.01 * tf.reduce_sum(inputs**2, axis=-1))
        self.add_loss(tf.constant(2))
        return inputs


def dense(units: int = 1, **options: Any) -> keras.Model:
    return keras.Sequential([keras.Input((4,)), layers.Dense(5, **options), layers.Dense(units)])


def regularised() -> keras.Model:
    """A layer with every kind of loss, called twice, in a model in a model."""
    inner = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(
                4,
                kernel_regularizer=keras.regularizers.L2(0.1),
                bias_regularizer=keras.regularizers.L1(0.1),
                activity_regularizer=keras.regularizers.L2(0.05),
            ),
            AddsLosses(),
        ]
    )
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(1)(inner(inner(inputs))))


def two_outputs() -> tuple[Any, dict[str, Any]]:
    inputs = keras.Input((4,))
    return inputs, {"a": layers.Dense(1, name="a")(inputs), "b": layers.Dense(3, name="b")(inputs)}


def two_in_a_dict() -> keras.Model:
    return keras.Model(*two_outputs())


def two_in_a_list() -> keras.Model:
    inputs, outputs = two_outputs()
    return keras.Model(inputs, list(outputs.values()))


def tagger() -> keras.Model:
    inputs = keras.Input((6,), dtype="int32")
    hidden = layers.SimpleRNN(4, return_sequences=True)(layers.Embedding(10, 4, mask_zero=True)(inputs))
    return keras.Model(inputs, layers.Dense(3)(hidden))


def cross_entropy(**options: Any) -> Any:
    return losses.SparseCategoricalCrossentropy(from_logits=True, **options)


@attrs.frozen(eq=False)
class Case:
    """A task, and what `compile` and `fit` of Keras are given for the same."""

    model: Callable[[], keras.Model]
    loss: Callable[[], Any]
    data: tuple[Any, ...]
    metrics: Callable[[], dict[str, Any]] = dict
    compiled: Callable[[], dict[str, Any]] = dict
    loss_weights: Any = attrs.field(factory=dict)
    class_weights: dict[int, float] = attrs.field(factory=dict)
    precision: str = "float32"


class AsGiven(gt.SupervisedTask):
    case: Any

    def build_model(self):
        return self.case.model()

    def build_optimizer(self):
        return keras.optimizers.SGD(0.05)

    def build_loss(self):
        return self.case.loss()

    def build_loss_weights(self):
        return self.case.loss_weights

    def build_class_weights(self):
        return self.case.class_weights

    def build_metrics(self):
        return gt.MetricSet(**self.case.metrics())


def mse() -> Any:
    return losses.MeanSquaredError()


def of_both(a: Any = "a", b: Any = "b") -> Callable[[], dict[str, Any]]:
    return lambda: {
        "a_mae": gt.OutputMetric(mae(), a),
        "a_weighted": gt.OutputMetric(mae(), a, weighted=True),
        "b_accuracy": gt.OutputMetric(accuracy(), b),
    }


def compiled_for_both() -> dict[str, Any]:
    return {
        "metrics": {"a": [mae(name="mae")], "b": [accuracy(name="accuracy")]},
        "weighted_metrics": {"a": [mae(name="weighted")]},
    }


def two_losses() -> Any:
    return {"a": mse(), "b": cross_entropy()}


MAE = {"metrics": lambda: {"mae": mae()}, "compiled": lambda: {"metrics": [mae(name="mae")]}}
BOTH_MAES = {
    "metrics": lambda: {"mae": mae(), "weighted": gt.OutputMetric(mae(), weighted=True)},
    "compiled": lambda: {"metrics": [mae(name="mae")], "weighted_metrics": [mae(name="weighted")]},
}
ACCURACY = {"metrics": lambda: {"acc": accuracy()}, "compiled": lambda: {"metrics": [accuracy(name="acc")]}}
IN_ORDER = (INPUTS, (NUMBERS, LABELS))
BY_NAME = {"a": NUMBERS, "b": LABELS}
CASES = {
    "plain": Case(dense, mse, (INPUTS, NUMBERS), **MAE),
    "sample weights": Case(dense, mse, (INPUTS, NUMBERS, WEIGHTS), **BOTH_MAES),
    "mean by weights": Case(
        dense, lambda: losses.MeanSquaredError(reduction="mean_with_sample_weight"), (INPUTS, NUMBERS, WEIGHTS)
    ),
    "sum": Case(dense, lambda: losses.MeanSquaredError(reduction="sum"), (0.1 * INPUTS, NUMBERS, WEIGHTS)),
    "class weights": Case(lambda: dense(3), cross_entropy, (INPUTS, LABELS), class_weights={0: 2.0, 2: 0.1}, **ACCURACY),
    "class weights of one-hot labels": Case(
        lambda: dense(3), lambda: losses.CategoricalCrossentropy(from_logits=True), (INPUTS, ONE_HOT), class_weights={1: 3.0}
    ),
    "class weights of two classes": Case(
        dense,
        lambda: losses.BinaryCrossentropy(from_logits=True),
        (INPUTS, (LABELS[:, None] > 0).astype("float32")),
        class_weights={0: 3.0},
    ),
    "an ignored class": Case(lambda: dense(3), lambda: cross_entropy(ignore_class=1), (INPUTS, LABELS)),
    "added losses": Case(regularised, mse, (INPUTS, NUMBERS), **MAE),
    "frozen regularised layer": Case(
        lambda: dense(kernel_regularizer="l2", trainable=False), mse, (INPUTS, NUMBERS, WEIGHTS), **BOTH_MAES
    ),
    "dicts": Case(two_in_a_dict, two_losses, (INPUTS, BY_NAME), of_both(), compiled_for_both),
    "lists": Case(two_in_a_list, lambda: [mse(), cross_entropy()], IN_ORDER, of_both(a=0, b=1), compiled_for_both),
    "a dict for a list": Case(two_in_a_list, two_losses, IN_ORDER, of_both(), compiled_for_both, {"b": 0.3, "a": 2.0}),
    "factors": Case(two_in_a_list, lambda: [mse(), cross_entropy()], IN_ORDER, loss_weights=[0.5, 2.0]),
    "weights of both": Case(
        two_in_a_dict, two_losses, (INPUTS, BY_NAME, {"a": WEIGHTS, "b": OTHERS}), of_both(), compiled_for_both
    ),
    "weights for both": Case(two_in_a_dict, two_losses, (INPUTS, BY_NAME, WEIGHTS), of_both(), compiled_for_both),
    "one loss for each output": Case(two_in_a_dict, mse, (INPUTS, {"a": NUMBERS, "b": ONE_HOT})),
    "masks": Case(tagger, cross_entropy, (TEXTS, TAGS), **ACCURACY),
    "masks with weights": Case(tagger, cross_entropy, (TEXTS, TAGS, POSITION_WEIGHTS), **ACCURACY),
    "masks in 16 bits": Case(tagger, cross_entropy, (TEXTS, TAGS), precision="mixed_bfloat16", **ACCURACY),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_training_and_evaluation_are_those_of_keras(name):
    case = CASES[name]
    keras.utils.set_random_seed(3)
    task = AsGiven(case=case, precision=case.precision)
    keras.config.set_dtype_policy(case.precision)
    try:
        model = case.model()
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights(task.model.get_weights())
    factors = case.loss_weights or None
    model.compile(keras.optimizers.SGD(0.05), case.loss(), loss_weights=factors, run_eagerly=True, **case.compiled())
    x, y, weights = (*case.data, None)[:3]

    loop = gt.Loop(task, compiler=gt.StepCompiler("eager"), progress=False)
    history = loop.run(gt.data.from_arrays(case.data, batch_size=EXAMPLES), epochs=EPOCHS)
    fitted = model.fit(
        x, list(y) if isinstance(y, tuple) else y, sample_weight=weights, class_weight=case.class_weights or None,
        batch_size=EXAMPLES, epochs=EPOCHS, shuffle=False, verbose=0,
    ).history  # fmt: skip
    evaluated = model.evaluate(
        x, list(y) if isinstance(y, tuple) else y, sample_weight=weights, batch_size=10, verbose=0, return_dict=True
    )
    found = loop.evaluate(gt.data.from_arrays(case.data, batch_size=10))

    near = {"rel": 2e-2, "abs": 1e-3} if "bfloat16" in case.precision else {"rel": 2e-5, "abs": 1e-6}
    assert {column: history.values(column) for column in fitted} == {
        column: pytest.approx(values, **near) for column, values in fitted.items()
    }
    assert {column: found[column] for column in evaluated} == pytest.approx(evaluated, **near)
    for mine, theirs in zip(task.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=near["rel"], atol=near["abs"])


@pytest.mark.filterwarnings("ignore:.*received .from_logits=True.*:UserWarning")
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_metrics_see_the_logits_that_keras_keeps_beside_probabilities(precision: str) -> None:
    keras.utils.set_random_seed(0)

    class Classifier(gt.SupervisedTask):
        def build_model(self) -> Any:
            return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])

        def build_optimizer(self) -> Any:
            return keras.optimizers.SGD(0.1)

        def build_loss(self) -> Any:
            return keras.losses.SparseCategoricalCrossentropy()

        def build_metrics(self) -> gt.MetricSet:
            return gt.MetricSet(entropy=keras.metrics.SparseCategoricalCrossentropy(from_logits=True))

    task = Classifier(precision=precision)
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(8, 4)).astype("float32"), rng.integers(0, 3, 8).astype("int32")
    found = gt.Loop(task, compiler=gt.StepCompiler("eager")).evaluate(gt.data.from_arrays((inputs, labels), batch_size=8))
    metric = keras.metrics.SparseCategoricalCrossentropy(from_logits=True)
    metric.update_state(labels, task.model(inputs, training=False))
    assert found["entropy"] == pytest.approx(float(metric.result()), rel=1e-2 if precision != "float32" else 1e-6)
