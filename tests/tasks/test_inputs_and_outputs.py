"""What models take and return: inputs by name or in order, outputs of any structure, weights, and clear errors for the rest."""

import collections
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import MODES

import gantape as gt
from gantape.errors import DataError, GantapeError, LossError, MetricError, ShapeError, TaskError
from gantape.tasks.inputs import check_inputs, chosen_inputs

layers = keras.layers
Pair = collections.namedtuple("Pair", ["logits", "cache"])
RNG = np.random.default_rng(0)
USERS, FEATURES = RNG.integers(0, 5, 32).astype("int32"), RNG.normal(size=(32, 4)).astype("float32")
TARGETS = FEATURES[:, :1]
DATA = gt.data.from_arrays((FEATURES, TARGETS), batch_size=8)


class Given(gt.SupervisedTask):
    """A task whose parts are given."""

    given: dict[str, Any]

    def build_model(self):
        return self.given["model"]()

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def build_loss(self):
        return self.given.get("loss", keras.losses.MeanSquaredError())

    def build_loss_weights(self):
        return self.given.get("loss_weights", {})

    def build_class_weights(self):
        return self.given.get("class_weights", {})

    def build_metrics(self):
        return gt.MetricSet(**self.given.get("metrics", dict)())


def run(data: gt.data.Batches = DATA, mode: Any = "eager", **given: Any) -> dict[str, Any]:
    loop = gt.Loop(Given(given=given), compiler=gt.StepCompiler(mode), progress=False)
    return dict(loop.run(data, steps=2).last())


def dense() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), layers.Dense(1)])


def named(form: str) -> keras.Model:
    inputs = {"user": keras.Input((), dtype="int32", name="user"), "features": keras.Input((4,), name="features")}
    hidden = layers.Concatenate()([layers.Embedding(5, 3)(inputs["user"]), inputs["features"]])
    return keras.Model(list(inputs.values()) if form == "list" else inputs, layers.Dense(1)(hidden))


@settings(deadline=None, max_examples=25)
@given(
    form=st.sampled_from(["dict", "list"]),
    names=st.permutations(["user", "features", "an_id", "z"]),
    extra=st.sets(st.sampled_from(["an_id", "z"])),
)
def test_entries_are_found_by_name_whatever_else_the_data_has(form, names, extra):
    model = named(form)
    known = {"user": USERS, "features": FEATURES, "an_id": np.arange(32), "z": FEATURES}
    data = {name: tf.constant(known[name]) for name in names if name in {"user", "features"} | extra}
    check_inputs(model, data, "here")
    found = model(chosen_inputs(model, data))
    np.testing.assert_array_equal(found, model({"user": tf.constant(USERS), "features": tf.constant(FEATURES)}))


def test_a_task_trains_on_named_columns():
    data = {"user": USERS, "features": FEATURES, "an_id": np.arange(32)}
    for form in ("dict", "list"):
        assert "loss" in run(gt.data.from_arrays((data, TARGETS), batch_size=8), model=lambda form=form: named(form))


@pytest.mark.parametrize(
    "inputs",
    [(USERS,), {"user": USERS}, {"user": USERS, "feature": FEATURES}, (USERS, FEATURES, USERS), FEATURES],
    ids=["one of two", "one name", "another name", "three", "a tensor"],
)
@pytest.mark.parametrize("form", ["dict", "list"])
def test_missing_inputs_are_named(form, inputs):
    with pytest.raises(DataError, match="user, features"):
        check_inputs(named(form), inputs, "here")


def test_the_order_of_a_tuple_says_nothing_about_the_names_of_a_dict():
    with pytest.raises(DataError, match="give a dict"):
        check_inputs(named("dict"), (USERS, FEATURES), "here")
    check_inputs(named("list"), (USERS, FEATURES), "here")


def test_a_last_axis_of_one_may_be_missing_or_too_many():
    column, flat = keras.Sequential([keras.Input((1,)), layers.Dense(1)]), named("list")
    check_inputs(column, TARGETS[:, 0], "here")
    check_inputs(flat, (USERS[:, None], FEATURES), "here")
    with pytest.raises(ShapeError):
        check_inputs(column, FEATURES, "here")


class Returns(keras.Model):
    """Returns logits in some structure."""

    def __init__(self, form: str):
        super().__init__()
        self.dense = layers.Dense(1)
        self.form = form

    def call(self, inputs):
        logits = self.dense(inputs)
        others = {
            "none": {"logits": logits, "cache": None},
            "pair": Pair(logits, inputs),
            "ragged": {"logits": logits, "cache": tf.RaggedTensor.from_tensor(inputs)},
            "text": {"logits": logits, "cache": tf.strings.as_string(tf.cast(inputs, tf.float32))},
            "number": {"logits": logits, "cache": 3},
            "sparse": {"logits": logits, "cache": tf.sparse.from_dense(tf.cast(inputs, tf.float32))},
        }
        return others[self.form]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("form", ["none", "pair", "ragged", "text", "number", "sparse"])
def test_a_model_may_return_more_than_numbers(form, precision):
    seen = []

    def model():
        made = Returns(form)
        made(tf.zeros([1, 4]))
        return made

    def loss(targets, predictions):
        logits = predictions.logits if form == "pair" else predictions["logits"]
        seen.append(logits.dtype)
        return tf.reduce_mean((targets - logits) ** 2)

    task = Given(given={"model": model, "loss": loss}, precision=precision)
    loop = gt.Loop(task, progress=False)
    loop.run(DATA, steps=2)
    expected = np.mean((TARGETS - tf.cast(task.model.dense(FEATURES), tf.float32)) ** 2)
    assert loop.evaluate(DATA)["loss"] == pytest.approx(expected, rel=1e-5 if precision == "float32" else 2e-2)
    assert set(seen) == {tf.float32}


def two() -> keras.Model:
    inputs = keras.Input((4,))
    return keras.Model(inputs, {"a": layers.Dense(1)(inputs), "b": layers.Dense(3)(inputs)})


LABELS = RNG.integers(0, 3, 32).astype("int32")
TWO = gt.data.from_arrays((FEATURES, {"a": TARGETS, "b": LABELS}), batch_size=8)
LOSSES = {"a": keras.losses.MeanSquaredError(), "b": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}
WEIGHTS = np.linspace(0.1, 1.0, 32, dtype="float32")
WEIGHTED = gt.data.from_arrays((FEATURES, TARGETS, WEIGHTS), batch_size=8)


def seen(output: Any, **options: Any) -> Any:
    return {"metrics": lambda: {"error": gt.OutputMetric(keras.metrics.MeanAbsoluteError(), output, **options)}}


@pytest.mark.parametrize(
    ("data", "given", "kind", "words"),
    [
        (TWO, {"loss": {"a": LOSSES["a"], "c": LOSSES["a"]}}, TaskError, "a, b"),
        (TWO, {"loss": [LOSSES["a"], LOSSES["b"]]}, TaskError, "give a dict"),
        (TWO, {"loss": {"a": LOSSES["a"]}, "loss_weights": {"b": 2.0}}, TaskError, "build_loss_weights"),
        (TWO, {"loss": {}}, TaskError, "no loss"),
        (TWO, {"loss": LOSSES} | seen("c"), TaskError, "name one of its outputs: a, b"),
        (TWO, {"loss": LOSSES, "class_weights": {0: 2.0}}, TaskError, "one output"),
        (TWO, {"loss": LOSSES, "metrics": lambda: {"m": keras.metrics.MeanAbsoluteError()}}, MetricError, "OutputMetric"),
        (gt.data.from_arrays((FEATURES, {"a": TARGETS}), batch_size=8), {"loss": LOSSES}, DataError, 'output "b"'),
        (gt.data.from_arrays((FEATURES, (TARGETS, LABELS)), batch_size=8), {"loss": LOSSES}, TaskError, "targets"),
        (WEIGHTED, {"model": dense, "loss": lambda t, p: tf.reduce_mean((t - p) ** 2)}, LossError, "sample_weight=None"),
        (WEIGHTED, {"model": dense, "loss": keras.losses.mean_squared_error}, LossError, "instance of a class"),
        (WEIGHTED, {"model": dense, "class_weights": {0: 2.0}}, DataError, "either"),
        (gt.data.from_arrays((FEATURES, TARGETS, TARGETS > 0), batch_size=8), {"model": dense}, ShapeError, "one for each"),
        (DATA, {"model": dense, "class_weights": {"cat": 2.0}}, TaskError, "whole numbers"),
        (TWO, {"loss": LOSSES, "loss_weights": {"a": "2"}}, TaskError, "numbers"),
        (DATA, {"model": dense, "loss": "mse"}, TaskError, "build_loss"),
        (DATA, {"model": dense, "loss": keras.losses.MeanSquaredError}, TaskError, "build_loss"),
        (DATA, {"model": dense, "loss": {"a": LOSSES["a"]}}, TaskError, "one output"),
        (DATA, {"model": dense, "loss": keras.losses.MeanSquaredError(reduction=None)}, LossError, "leave out `reduction`"),
        (DATA, {"model": dense, "loss": keras.losses.mean_squared_error}, LossError, "not a scalar"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_error_before_the_first_step(data, given, kind, words):
    with pytest.raises(kind, match=words) as caught:
        run(data, **{"model": two, **given})
    assert isinstance(caught.value, GantapeError)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_weighs_alike(mode):
    keras.utils.set_random_seed(1)
    given = {"model": two, "loss": LOSSES, "loss_weights": {"b": 0.5}} | seen("a", weighted=True)
    data = gt.data.from_arrays((FEATURES, {"a": TARGETS, "b": LABELS}, {"a": WEIGHTS, "b": WEIGHTS[::-1]}), batch_size=32)
    found = run(data, mode, **given)
    keras.utils.set_random_seed(1)
    expected = run(data, **given)
    names = ("loss", "a_loss", "b_loss", "error")
    assert {name: found[name] for name in names} == pytest.approx({name: expected[name] for name in names}, rel=1e-4)
    assert found["loss"] == pytest.approx(found["a_loss"] + 0.5 * found["b_loss"], rel=1e-5)


def test_class_weights_of_positions_are_those_of_their_labels():
    """`fit` would take a row of labels for one label in one-hot form."""
    labels = RNG.integers(0, 3, (32, 5)).astype("int32")
    logits = keras.Sequential([keras.Input((4,)), layers.RepeatVector(5), layers.Dense(3)])
    loss, weights = LOSSES["b"], {0: 4.0, 1: 0.5}
    expected = loss(labels, logits(FEATURES), sample_weight=np.select([labels == 0, labels == 1], [4.0, 0.5], 1.0))
    data = gt.data.from_arrays((FEATURES, labels), batch_size=32)
    task = Given(given={"model": lambda: logits, "loss": loss, "class_weights": weights})
    assert gt.Loop(task, progress=False).run(data, steps=1).last()["loss"] == pytest.approx(float(expected), rel=1e-5)


def test_evaluation_has_metrics_of_its_own():
    class Measured(Given):
        def build_evaluation_metrics(self):
            return gt.MetricSet(squared=keras.metrics.MeanSquaredError())

    found = gt.Loop(Measured(given={"model": dense}), progress=False).evaluate(DATA)
    assert found["squared"] == pytest.approx(found["loss"], rel=1e-5)


def test_a_sum_over_examples_is_refused_on_several_devices(monkeypatch):
    monkeypatch.setattr("gantape.tasks.outputs.replicas", lambda: 2)
    with pytest.raises(LossError, match="sum over examples"):
        run(model=dense, loss=keras.losses.MeanSquaredError(reduction="sum"))


@pytest.mark.parametrize("steps", [3, 4])
def test_weights_of_examples_do_not_weigh_steps_of_sequences(steps):
    """With as many steps as examples, Keras would weigh steps by the weights of examples."""

    class Sequences(gt.SupervisedTask):
        def build_model(self):
            return keras.Sequential([keras.Input((steps, 2)), keras.layers.Dense(2)])

        def build_optimizer(self):
            return keras.optimizers.SGD(0.1)

        def build_loss(self):
            return keras.losses.MeanSquaredError()

    inputs, weights = np.ones((4, steps, 2), "float32"), np.ones(4, "float32")
    with pytest.raises(ShapeError, match="fewer sample weights"):
        gt.Loop(Sequences()).run(gt.data.from_arrays((inputs, inputs, weights), batch_size=4), steps=1)
    of_steps = np.repeat(weights[:, None], steps, axis=1)
    assert gt.Loop(Sequences()).run(gt.data.from_arrays((inputs, inputs, of_steps), batch_size=4), steps=1).last()["loss"] > 0.0
