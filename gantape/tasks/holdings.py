"""What the parts of a task hold, at any depth: variables, layers, optimizers, metrics.

One search finds them for checkpoints, checks, averages and tests. It goes through lists, tuples, dicts and sets, through the
attributes of objects, and through what functions and methods are bound to. Names are the same in every process: Keras numbers
layers in order of creation, so that `dense/kernel` may be `dense_3/kernel` in another program. Here a variable is named by the
way to its owner, its index there, and its name without such numbers: `critics/1/0003/kernel`.
"""

import enum
import functools
import re
import types
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import tensorflow as tf

from gantape._tensorflow import KERAS_BOOKKEEPING
from gantape.errors import TaskError
from gantape.steps.python_values import attributes_of, content
from gantape.types import Variable

_PLAIN = (
    *(str, bytes, int, float, complex, type(None), type, enum.Enum),
    *(types.ModuleType, types.BuiltinFunctionType, weakref.ref, np.ndarray, np.generic, tf.Tensor, keras.KerasTensor),
    *KERAS_BOOKKEEPING,
)
"""Types that hold no variable."""

_TABLES = (tf.lookup.experimental.MutableHashTable, tf.lookup.experimental.DenseHashTable)
_KEPT_BY_KERAS = (keras.Layer, keras.Optimizer, keras.metrics.Metric)


@attrs.frozen(eq=False)
class TensorFlowVariable:
    """A variable of TensorFlow, with the attributes of one of Keras.

    Args:
        value: The variable.
    """

    value: Any

    @property
    def path(self) -> str:
        """Its name."""
        return str(self.value.name).partition(":")[0]

    @property
    def shape(self) -> Any:
        """Its shape."""
        return self.value.shape

    @property
    def dtype(self) -> str:
        """Its type, as text."""
        return str(self.value.dtype.name)

    def assign(self, value: Any) -> Any:
        """Assign a value."""
        return self.value.assign(value)

    def numpy(self) -> Any:
        """Its value, as an array."""
        return self.value.numpy()


@attrs.frozen(eq=False)
class HashTable:
    """A hash table that can change, saved to files and restored as Keras does with the assets of layers.

    Args:
        table: The table of TensorFlow.
    """

    table: Any

    variables = ()
    """It has none."""

    def save_assets(self, folder: str) -> None:
        """Write keys and values to a folder."""
        tf.train.Checkpoint(table=self.table).write(str(Path(folder, "table")))

    def load_assets(self, folder: str) -> None:
        """Replace keys and values by those in a folder."""
        tf.train.Checkpoint(table=self.table).read(str(Path(folder, "table"))).assert_consumed()


@attrs.frozen(eq=False)
class Holdings:
    """What the parts of a task hold.

    Args:
        variables: Every variable once, by name.
        arrays: Every array of NumPy that is outside of Keras' objects once, by the way to it.
        objects: Every layer, optimizer and metric of Keras once, and every hash table that can change, by the way to it.
    """

    variables: dict[str, Variable] = attrs.field(factory=dict)
    arrays: dict[str, Any] = attrs.field(factory=dict)
    objects: dict[str, Any] = attrs.field(factory=dict)

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics among the objects."""
        return {path: thing for path, thing in self.objects.items() if isinstance(thing, keras.metrics.Metric)}

    def without_metrics(self) -> dict[str, Variable]:
        """The variables that are not those of metrics."""
        measured = {id(variable.value) for metric in self.metrics.values() for variable in metric.variables}
        return {name: variable for name, variable in self.variables.items() if id(variable.value) not in measured}


def holdings_of(task: Any) -> Holdings:
    """What the parts of a task hold.

    Raises:
        TaskError: If variables are in a set, without names to tell them apart.
    """
    return _search({name: getattr(task, name) for name in task.part_names()}, task)


def _search(parts: Mapping[str, Any], *outside: Any) -> Holdings:
    """What is held by objects, without what is held by others only."""
    found = Holdings()
    known: set[int] = set()
    seen = {id(thing): thing for thing in outside}
    others: list[tuple[str, Any]] = []
    of_keras: list[str] = []  # the ways to objects whose arrays are theirs to save
    with_assets: list[str] = []  # the ways to layers that save the tables of their vocabularies themselves
    ahead = deque(parts.items())  # the nearest first: what a callback attaches to a model later renames nothing
    while ahead:
        path, thing = ahead.popleft()
        if isinstance(thing, keras.Variable | tf.Variable):
            _add(found, known, path, [thing])
            continue
        if isinstance(thing, np.ndarray) and id(thing) not in seen and not path.startswith(tuple(of_keras)):
            seen[id(thing)] = found.arrays[_unused(path, found.arrays)] = thing
        if isinstance(thing, _PLAIN) or id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, _TABLES):
            if not path.startswith(tuple(with_assets)):
                found.objects[_unused(path, found.objects)] = HashTable(thing)
            continue
        if isinstance(thing, _KEPT_BY_KERAS):
            of_keras.append(f"{path}/")
            with_assets += [f"{path}/"] if hasattr(thing, "save_assets") else []
            found.objects[_unused(path, found.objects)] = thing
            _add(found, known, path, thing.variables, indexed=True)
        else:
            others.append((path, thing))
        ahead += [(f"{path}/{_segment(str(name))}", child) for name, child in _children(path, thing)]
    for path, thing in others:  # at the end, since they are the sums of what is named already
        own = _summed(thing)
        _add(found, known, path, own if isinstance(own, list | tuple) else (), indexed=True)
    return found


def _add(found: Holdings, known: set[int], path: str, variables: Iterable[Any], *, indexed: bool = False) -> None:
    for place, variable in enumerate(variables):
        if isinstance(variable, tf.Variable):
            variable = TensorFlowVariable(variable)
        if isinstance(variable, keras.Variable | TensorFlowVariable) and id(variable.value) not in known:
            known.add(id(variable.value))
            name = re.sub(r"_\d+|[^\w]", "", variable.path.split("/")[-1])
            found.variables[_unused(f"{path}/{place:04d}/{name}" if indexed else f"{path}/{name}", found.variables)] = variable


def _summed(thing: Any) -> Any:
    """The variables that an object says it has."""
    try:
        return getattr(thing, "variables", ())
    except Exception:  # a property of anything that a task refers to, such as the dicts in which a compiled model keeps layers
        return ()


def _children(path: str, thing: Any) -> Iterator[tuple[str | int, Any]]:
    """What an object refers to, by name, in an order that is the same in every process."""
    if isinstance(thing, dict | types.MappingProxyType):
        yield from ((key if isinstance(key, str | int) else str(place), thing[key]) for place, key in enumerate(thing))
    elif isinstance(thing, set | frozenset):
        yield from enumerate(_in_order(path, thing))
    elif isinstance(thing, tuple) and hasattr(thing, "_fields"):
        yield from zip(thing._fields, thing, strict=True)
    elif isinstance(thing, list | tuple | deque):
        yield from enumerate(thing)
    elif isinstance(thing, types.MethodType):
        yield from (("self", thing.__self__), ("function", thing.__func__))
    elif isinstance(thing, functools.partial):
        yield from (("function", thing.func), ("arguments", thing.args), ("keywords", thing.keywords))
    elif isinstance(thing, types.FunctionType):
        yield from zip(thing.__code__.co_freevars, map(content, thing.__closure__ or ()), strict=True)
        yield from (("defaults", thing.__defaults__), ("keywords", thing.__kwdefaults__))
    elif isinstance(thing, tf.random.Generator):
        yield "state", thing.state
    elif isinstance(thing, tf.types.experimental.PolymorphicFunction):
        yield "function", thing.python_function
    if type(thing).__module__.partition(".")[0] != "tensorflow":
        # Names that begin with `_self_` are TensorFlow's.
        yield from ((name, value) for name, value in attributes_of(thing) if not name.startswith("_self_"))


def _in_order(path: str, things: Iterable[Any]) -> list[Any]:
    """The members of a set in order of their names: those that Keras numbers are created in the same order everywhere."""
    named: dict[Any, Any] = {}
    for thing in things:
        if isinstance(thing, _PLAIN) or not _search({"": thing}).variables:
            continue
        name = str(getattr(thing, "name", ""))
        key = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
        if not name or tuple(key) in named:
            raise TaskError(
                "a part is a set, which has no order: in another process its variables could not be told apart.",
                where=f"part {path}",
                got=", ".join(sorted(type(other).__name__ for other in things)),
                do="return a list, a tuple or a dict.",
            )
        named[tuple(key)] = thing
    return [named[key] for key in sorted(named)]


@functools.lru_cache(4096)
def _segment(name: str) -> str:
    return re.sub(r"[^\w-]", "_", name).strip("_") or "_"


def _unused(name: str, names: Mapping[str, Any]) -> str:
    """A name that is not taken: two keys or attributes may differ in other characters only."""
    return name if name not in names else next(other for place in range(2, 10**6) if (other := f"{name}-{place}") not in names)
