"""Numbers of Python that change between calls are those of the next call, wherever a task holds them, as in eager mode."""

import itertools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape.steps.python_values import values_of

INPUTS = np.ones((4, 2), "float32")
data = gt.data.from_arrays((INPUTS, np.zeros((4, 1), "float32")), batch_size=4)


MODULE = types.ModuleType("settings_of_a_user")
MODULE.factor = 1.0
GLOBAL, TABLE = 1.0, {"factor": np.ones(1, "float32")}


def globals_of_functions() -> object:
    return GLOBAL * TABLE["factor"][0] * MODULE.factor * Config.factor


class Sized:
    __slots__ = ("factor",)


class Scaled(keras.layers.Layer):
    """Multiplies by numbers of Python, and counts its calls."""

    power = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.whole, self.fraction, self._hidden = 1, 1.0, 1.0
        self.on, self.kind, self.factors = True, "same", [1.0, 1.0]
        self.calls = 0
        self.array, self.tensor, self.number = np.ones(3, "float32"), tf.ones(200), np.float32(1.0)
        self.config, self.sized = Config(), Sized()
        self.sized.factor = 1.0
        self.first, self.second = (keras.layers.Rescaling(scale) for scale in (1.0, 2.0))
        self.chosen = self.first

    def build(self, shape):
        self.first.build(shape)
        self.second.build(shape)

    def call(self, inputs, factor=1.0):
        self.calls += 1
        outputs = inputs * float(self.whole) * self.fraction * self._hidden * self.factors[1] * factor * self.power
        outputs *= self.array[0] * self.tensor[0] * self.number * self.config.inner["factor"] * self.sized.factor
        outputs = self.chosen(outputs)
        return outputs * (2.0 if self.kind == "twice" else 1.0) if self.on else outputs * 2.0


class Config:
    factor = 1.0

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
            return error(targets, predictions) * inner**2 * globals_of_functions() ** 2

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
    "array": lambda task: setattr(scaled(task), "array", 2.0 * scaled(task).array),
    "array in place": lambda task: scaled(task).array.__imul__(2.0),
    "tensor": lambda task: setattr(scaled(task), "tensor", 2.0 * scaled(task).tensor),
    "number of NumPy": lambda task: setattr(scaled(task), "number", np.float32(2.0)),
    "object in a layer": lambda task: scaled(task).config.inner.update(factor=2.0),
    "slot": lambda task: setattr(scaled(task).sized, "factor", 2.0),
    "other layer": lambda task: setattr(scaled(task), "chosen", scaled(task).second),
}

IN_CODE = {
    "global": lambda patch: patch.setattr(f"{__name__}.GLOBAL", 2.0),
    "array in a global": lambda patch: patch.setitem(TABLE, "factor", 2.0 * TABLE["factor"]),
    "module": lambda patch: patch.setattr(MODULE, "factor", 2.0),
    "class": lambda patch: patch.setattr(Config, "factor", 2.0),
    "class of a layer": lambda patch: patch.setattr(Scaled, "power", 2.0),
    "default": lambda patch: patch.setattr(Scaled.call, "__defaults__", (2.0,)),
    "function": lambda patch: patch.setattr(f"{__name__}.globals_of_functions", lambda: 2.0),
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


@pytest.mark.parametrize("change", IN_CODE)
def test_a_change_in_code_is_honoured_in_the_next_call_and_the_next_evaluation(change, monkeypatch):
    task = Line()
    loop = gt.Loop(task, progress=False)
    losses = []
    for _ in range(2):
        losses += [loop.run(data, steps=1).last()["loss"], loop.evaluate(data)["loss"]]
        IN_CODE[change](monkeypatch)
    assert losses == [4.0, 4.0, 16.0, 16.0]


def test_an_array_and_a_list_without_effect_are_traced_again_once_each():
    class Counting(Line):
        def build_counts(self):
            return {"counts": np.zeros(200), "rows": [{"score": 1.0}]}

    task = Counting()
    loop = gt.Loop(task, compiler=gt.StepCompiler(max_traces=3), progress=False)
    calls = []
    for change in [lambda: task.counts["counts"].__iadd__(1), lambda: task.counts["rows"].append({"score": 2.0})]:
        for _ in range(3):
            loop.run(data, steps=1)
            calls.append(scaled(task).calls)
            change()
    assert [count > before for before, count in itertools.pairwise([0, *calls])] == [True, True, False, False, True, False]


def test_a_new_entry_without_effect_does_not_hide_a_change_of_others():
    task = Line()
    loop = gt.Loop(task, progress=False)
    losses = []
    inner = task.settings["config"].inner
    for change in (lambda: None, lambda: inner.update(note=1.0), lambda: inner.update(factor=2.0)):
        change()
        losses.append(loop.run(data, steps=1).last()["loss"])
    assert losses == [4.0, 4.0, 16.0]


def test_a_tensor_that_a_layer_keeps_of_its_call_is_no_reason_to_trace_again():
    class Keeps(keras.layers.Layer):
        def call(self, inputs):
            self.kept = inputs
            return inputs

    class Kept(Line):
        def build_model(self):
            return keras.Sequential([keras.Input((2,)), Keeps(), keras.layers.Dense(1)])

    task = Kept()
    loop = gt.Loop(task, compiler=gt.StepCompiler(max_traces=1), progress=False)
    for _ in range(2):
        loop.run(data, steps=1)
        loop.evaluate(data)
        task.model(INPUTS)
    assert "1 trace," in loop.explain()


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
    found = values_of([("root", {"one": one, "data": list(range(1000)), "switch": True})], [])
    assert {name: value for name, value in found.items() if "Config" not in name} == {
        "root.switch": True,
        "root.one.inner.factor": 1.0,
        "root.one.other.inner.factor": 1.0,
    }


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
