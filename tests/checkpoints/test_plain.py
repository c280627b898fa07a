"""Fields are described by what is the same in every process, and different where they are."""

import enum
import functools
import json
import types
from collections.abc import Callable
from typing import Any

import attrs
import keras
import numpy as np
import pytest

from gantape.checkpoints.plain import plain


class Colour(enum.Enum):
    RED = 1


@attrs.frozen
class Options:
    rate: float
    act: Any = keras.activations.relu


class Thing:
    def __init__(self, size: int) -> None:
        self.size = size
        self.me = self

    def method(self) -> None: ...


class Spelled(Thing):
    def __repr__(self) -> str:
        return f"Spelled({self.size})"


def scaled(scale: float) -> Callable[[float], float]:
    return lambda x: scale * x


def named(scale: float) -> Callable[[float], float]:
    def inner(x: float) -> float:
        return scale * x

    return inner


PAIRS = [
    (lambda: keras.activations.relu, lambda: keras.activations.tanh),
    (lambda: lambda x: x + 1, lambda: lambda x: x - 1),
    (lambda: lambda x: x + 1, lambda: lambda x: x + 2),
    (lambda: scaled(1.0), lambda: scaled(2.0)),
    (lambda: named(1.0), lambda: named(2.0)),
    (lambda: functools.partial(max, 1), lambda: functools.partial(max, 2)),
    (lambda: Thing(1).method, lambda: Thing(2).method),
    (lambda: Thing, lambda: Options),
    (lambda: Thing(1), lambda: Thing(2)),
    (lambda: Spelled(1), lambda: Spelled(2)),
    (lambda: Options(0.1), lambda: Options(0.2)),
    (lambda: Options(0.1), lambda: Options(0.1, keras.activations.tanh)),
    (lambda: types.SimpleNamespace(a=1), lambda: types.SimpleNamespace(a=2)),
    (lambda: keras.initializers.HeNormal(seed=1), lambda: keras.initializers.HeNormal(seed=2)),
    (lambda: keras.layers.Dense(3), lambda: keras.layers.Dense(4)),
    (lambda: keras.optimizers.schedules.CosineDecay(0.1, 3), lambda: keras.optimizers.schedules.CosineDecay(0.1, 4)),
    (lambda: keras.regularizers.L2(0.1), lambda: keras.regularizers.L1(0.1)),
    (lambda: keras.losses.Huber(), lambda: keras.losses.MeanSquaredError()),
    (lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), lambda: keras.Sequential([keras.Input((2,))])),
    (lambda: np.arange(10**5), lambda: np.arange(10**5) + (np.arange(10**5) == 50_000)),
    (lambda: np.float32(1.0), lambda: np.float32(2.0)),
    (lambda: {"a", "b", "c"}, lambda: {"a", "b", "d"}),
    (lambda: {(1, 2): (3,)}, lambda: {(1, 3): (3,)}),
    (lambda: Colour.RED, lambda: None),
    (lambda: float("nan"), lambda: 1.0),
]


@pytest.mark.parametrize("place", range(len(PAIRS)))
def test_equal_values_have_one_description_and_others_another(place: int) -> None:
    make, other = PAIRS[place]
    text = json.dumps(plain({"value": make()}))
    assert text == json.dumps(plain({"value": make()}))
    assert text != json.dumps(plain({"value": other()}))
    assert " at 0x" not in text


def test_plain_values_are_as_json_has_them() -> None:
    value = {"a": [1, 2.5, None, True, "text"], "b": {"c": (1, 2)}, 3: False}
    assert plain(value) == json.loads(json.dumps(value))
