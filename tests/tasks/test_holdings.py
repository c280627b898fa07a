"""What a part holds is found at any depth, once, under names that are the same in every process."""

import collections
import dataclasses
import functools
import types
from typing import Any, NamedTuple

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import gantape as gt
from gantape.errors import TaskError
from gantape.tasks.holdings import holdings_of
from gantape.tasks.variables import learning_rates


class Holder:
    """A stand-in for a task with one part."""

    def __init__(self, part: Any) -> None:
        self.part = part

    def part_names(self) -> tuple[str, ...]:
        return ("part",)


class Pair(NamedTuple):
    one: Any
    other: Any


@attrs.frozen
class Slotted:
    inner: Any


@dataclasses.dataclass
class Data:
    inner: Any


class Grown(list):
    """A list with an attribute."""

    extra: Any = None


class Module(tf.Module):
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner


def grown(inner: Any) -> Grown:
    found = Grown([1])
    found.extra = inner
    return found


def closure(inner: Any) -> Any:
    def call(inputs: Any) -> Any:
        return inner(inputs)

    return call


WRAPPERS = [
    lambda inner: [inner],
    lambda inner: (1, inner),
    lambda inner: {"key": inner, 3: None},
    lambda inner: Pair(inner, "text"),
    lambda inner: collections.deque([inner]),
    lambda inner: collections.UserDict(a=inner),
    Slotted,
    Data,
    lambda inner: types.SimpleNamespace(inner=inner),
    grown,
    Module,
    closure,
    lambda inner: functools.partial(max, inner),
    lambda inner: Data(inner).__eq__,
    lambda inner: tf.function(closure(inner)),
]
LEAVES = [
    lambda: keras.Variable(1.0, name="weight"),
    lambda: tf.Variable(1.0, name="weight"),
    lambda: keras.random.SeedGenerator(1),
    lambda: tf.random.Generator.from_seed(1),
    lambda: keras.layers.Dropout(0.5),
    lambda: keras.metrics.Mean(),
    lambda: keras.optimizers.SGD(0.1),
]


def leaf_variables(leaf: Any) -> list[Any]:
    if isinstance(leaf, keras.Variable | tf.Variable):
        return [leaf]
    return [leaf.state] if hasattr(leaf, "state") else list(leaf.variables)


def value_of(variable: Any) -> Any:
    return variable.value if isinstance(variable, keras.Variable) else variable


@given(
    which=st.lists(st.tuples(st.sampled_from(LEAVES), st.lists(st.sampled_from(WRAPPERS), max_size=4)), min_size=1, max_size=4),
    shared=st.booleans(),
)
def test_whatever_is_inside_of_whatever_is_found_once_under_the_same_names(which: Any, shared: bool) -> None:
    def build() -> tuple[Any, list[Any]]:
        leaves = [make() for make, _ in which]
        wrapped = zip(leaves, which, strict=True)
        parts = [functools.reduce(lambda inner, wrap: wrap(inner), wraps, leaf) for leaf, (_, wraps) in wrapped]
        part = [*parts, *(leaves if shared else [])]
        part.append({"itself": part})
        return Holder(part), [variable for leaf in leaves for variable in leaf_variables(leaf)]

    (one, variables), (other, _) = build(), build()
    found = holdings_of(one).variables
    assert sorted(id(variable.value) for variable in found.values()) == sorted(id(value_of(variable)) for variable in variables)
    assert list(found) == list(holdings_of(other).variables)


def test_two_keys_that_differ_in_other_characters_have_two_names() -> None:
    found = holdings_of(Holder({"a b": keras.Variable(1.0, name="v"), "a.b": keras.Variable(2.0, name="v")})).variables
    assert list(found) == ["part/a_b/v", "part/a_b/v-2"]


def test_layers_in_a_set_are_found_in_order_of_creation() -> None:
    layers = [keras.layers.Dense(1) for _ in range(12)]
    for layer in layers:
        layer.build((None, 1))
    found = list(holdings_of(Holder(set(layers))).variables.values())
    assert [id(variable) for variable in found] == [id(variable) for layer in layers for variable in layer.variables]


def test_a_set_of_what_has_no_name_is_refused() -> None:
    part = {Module(tf.Variable(1.0)), types.SimpleNamespace} | {closure(tf.Variable(1.0)), closure(tf.Variable(1.0))}
    with pytest.raises(TaskError, match="a part is a set"):
        holdings_of(Holder(part))


def test_names_are_short() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert list(holdings_of(Holder(model)).variables) == ["part/0000/kernel", "part/0001/bias"]
    assert list(holdings_of(Holder([model])).variables) == ["part/0/0000/kernel", "part/0/0001/bias"]


class Several(gt.Task):
    """Models and optimizers in containers, and a bare variable that is learnt."""

    kind: str = "list"

    def build_nets(self):
        nets = [keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]) for _ in range(2)]
        return {"list": nets, "tuple": tuple(nets), "dict": dict(zip("ab", nets, strict=True)), "pair": Pair(*nets)}[self.kind]

    def build_optimizers(self):
        optimizers = [keras.optimizers.Adam(0.05) for _ in range(2)]
        return {"list": optimizers, "tuple": tuple(optimizers), "dict": {"all": optimizers}, "pair": Pair(*optimizers)}[
            self.kind
        ]

    def build_scale(self):
        return keras.Variable(1.0, name="scale")

    def members(self):
        nets, optimizers = self.nets, self.optimizers
        if isinstance(nets, dict):
            nets, optimizers = list(nets.values()), optimizers["all"]
        return list(zip(nets, optimizers, strict=True))

    def updates(self):
        return tuple(
            gt.Update(f"u{place}", functools.partial(self.loss, place), [net, *([self.scale] if place else [])], optimizer)
            for place, (net, optimizer) in enumerate(self.members())
        )

    def loss(self, place, batch, rng):
        net, _ = self.members()[place]
        return gt.Losses({"square": tf.reduce_mean((tf.cast(net(batch), "float32") * self.scale.value - 1.0) ** 2)})


@pytest.mark.parametrize("kind", ["list", "tuple", "dict", "pair"])
def test_optimizers_at_any_depth_have_a_loss_scale_and_a_learning_rate(kind: str) -> None:
    task = Several(kind=kind, precision="mixed_float16")
    assert all(update.scale is not None for update in task.updates())
    assert len(learning_rates(task)) == 4  # of each scale and of the optimizer in it
    plain = Several(kind=kind)
    assert sorted(learning_rates(plain).values()) == pytest.approx([0.05, 0.05])
    assert any(variable is plain.scale for variable in plain.variables)


def test_a_variable_of_tensorflow_cannot_be_moved() -> None:
    class Raw(Several):
        def build_scale(self):
            return tf.Variable(1.0)

    with pytest.raises(TaskError, match=r"models and variables of Keras(.|\n)*keras.Variable"):
        Raw()


def test_variables_of_tensorflow_are_saved_as_arrays_of_keras_are() -> None:
    raw = tf.Variable([1, 2], name="counts")
    (variable,) = holdings_of(Holder(Module(raw))).variables.values()
    variable.assign([3, 4])
    assert (variable.path, tuple(variable.shape), variable.dtype) == ("counts", (2,), "int32")
    np.testing.assert_array_equal(variable.numpy(), raw.numpy())


def test_a_model_that_is_compiled_and_trained_is_a_part_like_any_other() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), keras.layers.Dropout(0.5)])
    plain = list(holdings_of(Holder(model)).variables)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    found = holdings_of(Holder(model)).variables
    assert set(plain) <= set(found)
    assert {id(variable) for variable in model.variables} <= {id(variable) for variable in found.values()}
