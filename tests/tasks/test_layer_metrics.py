"""Metrics that layers keep are logged, reset and saved as those of the task are, and as `fit` and `evaluate` do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt

INPUTS = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
TARGETS = INPUTS[:, :1] + 0.1


class Observed(keras.layers.Layer):
    """Keeps the mean of what it gets; one metric in a list, one as an attribute."""

    def __init__(self, name: str = "level") -> None:
        super().__init__()
        self.level = keras.metrics.Mean(name=name)
        self.more = [keras.metrics.Sum(name="sum")]

    def call(self, inputs):
        self.level.update_state(keras.ops.mean(inputs))
        self.more[0].update_state(inputs)
        return inputs


def model(*names: str) -> keras.Model:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), *map(Observed, names), keras.layers.Dense(1)])


class Line(gt.SupervisedTask):
    names: tuple[str, ...] = ("level",)

    def build_model(self):
        return model(*self.names)

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def build_loss(self):
        return keras.losses.MeanSquaredError()


def task() -> Line:
    keras.utils.set_random_seed(1)
    return Line()


def data() -> gt.data.DatasetBatches:
    return gt.data.from_dataset(tf.data.Dataset.from_tensor_slices((INPUTS, TARGETS)).batch(4))


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_values_are_those_of_fit_and_evaluate(mode):
    keras.utils.set_random_seed(1)
    reference = model("level")
    reference.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=mode == "eager")
    fitted = reference.fit(INPUTS, TARGETS, batch_size=4, epochs=2, shuffle=False, verbose=0).history
    evaluated = reference.evaluate(INPUTS, TARGETS, batch_size=4, verbose=0, return_dict=True)

    loop = gt.Loop(task(), compiler=gt.StepCompiler(mode), progress=False)
    rows = loop.run(data(), epochs=2).rows
    found = loop.evaluate(data())

    for name in ("level", "sum"):
        assert [row[name] for row in rows] == pytest.approx(fitted[name], rel=1e-5)
        assert found[name] == pytest.approx(evaluated[name], rel=1e-5)


def test_validation_amid_an_epoch_does_not_disturb_the_values_of_training():
    alone = gt.Loop(task(), progress=False).run(data(), epochs=1).last()
    loop = gt.Loop(task(), progress=False)
    validated = loop.run(data(), validation=data(), validate=gt.every(steps=2), epochs=1)
    assert validated.last("train")["level"] == pytest.approx(alone["level"], rel=1e-6)
    assert validated.last("train")["sum"] == pytest.approx(alone["sum"], rel=1e-6)
    assert {"level", "sum"} <= validated.last("validation").keys()


def test_a_run_that_is_resumed_amid_an_epoch_has_the_same_values(tmp_path):
    whole = gt.Loop(task(), progress=False).run(data(), epochs=1).last()
    gt.Loop(task(), run_dir=tmp_path / "run", progress=False).run(data(), steps=2, record=gt.every(epochs=1))
    resumed = gt.Loop.resume(tmp_path / "run", task(), progress=False).run(data(), steps=3).last()
    assert resumed["level"] == whole["level"]
    assert resumed["sum"] == whole["sum"]


@pytest.mark.parametrize("names", [("level", "level"), ("loss",)])
def test_a_name_that_is_taken_is_refused(names):
    with pytest.raises(gt.errors.MetricError, match="name"):
        gt.Loop(Line(names=names), progress=False)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_name_that_a_term_or_a_logged_value_has_is_refused_before_the_first_step(mode):
    class TwoTerms(Line):
        def build_model(self):
            dense = keras.layers.Dense(1, kernel_regularizer="l2")
            return keras.Sequential([keras.Input((4,)), Observed("data"), dense])

    loop = gt.Loop(TwoTerms(), compiler=gt.StepCompiler(mode), progress=False)
    with pytest.raises(gt.errors.MetricError, match="data"):
        loop.run(data(), epochs=1)
    assert loop.state.step == 0
    with pytest.raises(gt.errors.MetricError, match="data"):
        loop.evaluate(data())


def test_callbacks_may_monitor_them():
    stop = keras.callbacks.EarlyStopping(monitor="level", mode="min", patience=0, min_delta=100.0)
    line = task()
    history = gt.Loop(line, callbacks=[*gt.callbacks.from_keras(stop, line.model)], progress=False).run(data(), epochs=5)
    assert history.last()["epoch"] == 2
