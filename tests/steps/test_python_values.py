"""Numbers of Python that change between calls are those of the next call, wherever a task holds them, as in eager mode."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape.steps.python_values import values_of

INPUTS = np.ones((4, 2), "float32")
data = gt.data.from_arrays((INPUTS, np.zeros((4, 1), "float32")), batch_size=4)


class Scaled(keras.layers.Layer):
    """Multiplies by numbers of Python, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.whole, self.fraction, self._hidden = 1, 1.0, 1.0
        self.on, self.kind, self.factors = True, "same", [1.0, 1.0]
        self.calls = 0

    def call(self, inputs):
        self.calls += 1
        outputs = inputs * float(self.whole) * self.fraction * self._hidden * self.factors[1]
        return outputs * (2.0 if self.kind == "twice" else 1.0) if self.on else outputs * 2.0


class Config:
    def __init__(self) -> None:
        self.inner = {"factor": 1.0}


class Error:
    def __init__(self) -> None:
        self.factor = 1.0

    def __call__(self, targets, predictions):
        return self.factor**2 * tf.reduce_mean((targets - predictions) ** 2)


class Line(gt.SupervisedTask):
    """One weight of 1 for each of two inputs of 1, and a target of 0: the loss is 4 times the square of all factors."""

    def build_model(self):
        dense = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)
        return keras.Sequential([keras.Input((2,)), dense, Scaled()])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.0)

    def build_loss(self):
        settings, error = self.settings, self.error

        def loss(targets, predictions):
            inner = settings["config"].inner["factor"] * settings["more"][0]
            return error(targets, predictions) * inner**2

        return loss

    def build_settings(self):
        return {"config": Config(), "more": [1.0]}

    def build_error(self):
        return Error()


def scaled(task: Line) -> Scaled:
    return task.model.layers[-1]


CHANGES = {
    "int": lambda task: setattr(scaled(task), "whole", 2),
    "float": lambda task: setattr(scaled(task), "fraction", 2.0),
    "private": lambda task: setattr(scaled(task), "_hidden", 2.0),
    "bool": lambda task: setattr(scaled(task), "on", False),
    "text": lambda task: setattr(scaled(task), "kind", "twice"),
    "list": lambda task: scaled(task).factors.__setitem__(1, 2.0),
    "activation": lambda task: setattr(task.model.layers[0], "activation", lambda x: 2.0 * x),
    "dict in an object": lambda task: task.settings["config"].inner.update(factor=2.0),
    "list in a dict": lambda task: task.settings["more"].__setitem__(0, 2.0),
    "object": lambda task: setattr(task.error, "factor", 2.0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_number_that_changes_is_that_of_the_next_call_and_the_next_evaluation(change):
    task = Line()
    loop = gt.Loop(task, progress=False)
    losses = []
    for _ in range(2):
        losses += [loop.run(data, steps=1).last()["loss"], loop.evaluate(data)["loss"]]
        CHANGES[change](task)
    assert losses == [4.0, 4.0, 16.0, 16.0]


def test_a_count_of_calls_is_no_reason_to_trace_again():
    task = Line()
    loop = gt.Loop(task, compiler=gt.StepCompiler(max_traces=1), progress=False)
    for _ in range(3):
        loop.run(data, steps=1)
        loop.evaluate(data)
    calls = scaled(task).calls
    loop.run(data, steps=1)
    loop.evaluate(data)
    assert scaled(task).calls == calls


def test_a_number_without_effect_is_traced_again_once_and_one_with_an_effect_always():
    class Played(Line):
        def build_player(self):
            player = Config()
            player.episodes, player.factor = 0, 1.0
            return player

        def build_loss(self):
            player, error = self.player, self.error
            return lambda targets, predictions: error(targets, predictions) * (player.factor if error.factor > 1.0 else 1.0)

    task = Played()
    loop = gt.Loop(task, progress=False)

    def run() -> tuple[float, int]:
        calls = scaled(task).calls
        task.player.episodes += 1
        loss = loop.run(data, steps=1).last()["loss"]
        return loss, scaled(task).calls - calls

    assert run() == (4.0, 1)
    assert run() == (4.0, 1)
    assert run() == (4.0, 0)
    task.player.factor = 3.0
    assert run() == (4.0, 1)
    assert run() == (4.0, 0)
    task.error.factor = 2.0
    assert run() == (48.0, 1)
    task.player.factor = 2.0
    assert run() == (32.0, 1)


def test_a_change_in_the_middle_of_a_run_is_named_where_traces_are_limited():
    task = Line()
    change = gt.Callback(lambda progress: setattr(task.error, "factor", 2.0), gt.at(1))
    loop = gt.Loop(task, compiler=gt.StepCompiler(max_traces=1), callbacks=[change], progress=False)
    with pytest.raises(gt.errors.RetraceError, match=r"Line\.error\.factor"):
        loop.run(data, steps=2)


def test_long_lists_and_objects_that_refer_to_each_other():
    one, other = Config(), Config()
    one.other, other.one = other, one
    found = values_of([("root", {"one": one, "data": list(range(1000)), "switch": True, "array": np.ones(3)})], [])
    assert found == {"root.switch": True, "root.one.inner.factor": 1.0, "root.one.other.inner.factor": 1.0}


def test_a_regularizer_is_called_once_for_each_loss():
    class Counted(keras.regularizers.Regularizer):
        calls = 0

        def __call__(self, weight):
            self.calls += 1
            return 0.1 * keras.ops.sum(weight**2)

    class Regularized(Line):
        def build_regularizer(self):
            return Counted()

        def build_model(self):
            return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_regularizer=self.regularizer)])

    task = Regularized()
    loop = gt.Loop(task, compiler=gt.StepCompiler("eager"), progress=False)
    assert task.regularizer.calls == 0
    loop.run(data, steps=3)
    assert task.regularizer.calls == 3
