"""The values of Python that a traced step contains: settings of layers, and numbers in losses, tasks and their other parts.

A trace has them as constants. So it is known here what they were, and a step is traced again when they have changed.
"""

import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gantape._tensorflow import PACKAGE, sublayers
from gantape.steps.same_trace import same_trace

_NUMBERS = (bool, int, float, complex, str)
_SETTINGS = (*_NUMBERS, types.FunctionType)
_CHANGEABLE = (bool, float, types.FunctionType)
_MOST = 100
"""The longest list or dict that is taken for settings, and not for data."""

_ELSEWHERE = (keras.Optimizer, keras.metrics.Metric, keras.Variable, tf.Variable, np.ndarray, np.generic, tf.Tensor)


class TracedValues:
    """The values of Python that a trace contains, and whether they have changed.

    Args:
        read: Reads them, by name.
    """

    def __init__(self, read: Callable[[], Mapping[str, Any]]) -> None:
        self._read = read
        self._values = read()
        self._ignored: frozenset[str] = frozenset()
        self._without_effect: frozenset[str] = frozenset()
        self._trace: Any = None
        self._replaced: tuple[TracedValues, list[str]] | None = None

    def anew(self) -> "TracedValues":
        """Those of a new trace."""
        return TracedValues(self._read)

    def replace(self, other: "TracedValues") -> None:
        """Note that the trace is to replace another, whose values have changed. Call it before the trace is made."""
        self._replaced = other, other.changed()

    def traced(self, trace: Any = None) -> None:
        """Note that the trace is made.

        What it has changed itself, such as a count of calls, is ignored from now on. So are numbers and texts that have changed
        although this trace is the one that it replaces, such as a count of episodes, until a trace is another one.

        Args:
            trace: The traced function, if there is one.
        """
        before, self._values = self._values, self._read()
        both = before.keys() & self._values.keys()
        self._ignored |= {name for name in both if not _equal(before[name], self._values[name])}

        self._trace = trace
        if self._replaced is not None:
            (other, changed), self._replaced = self._replaced, None
            self._ignored |= other._ignored
            if trace is not None and other._trace is not None and same_trace(trace, other._trace):
                new = {name for name in changed if type(self._values.get(name)) in (int, float, str)}
                self._without_effect = other._without_effect | new

    def changed(self) -> list[str]:
        """The names of those that have another value now, or are new or gone."""
        now, then = self._read(), self._values
        ignored = self._ignored | self._without_effect
        names = [name for name in dict.fromkeys([*then, *now]) if name not in ignored]
        return [name for name in names if not (name in then and name in now and _equal(then[name], now[name]))]


def values_of(roots: Sequence[tuple[str, Any]], models: Sequence[Any]) -> dict[str, Any]:
    """The settings in objects, at any depth, and in all layers that they hold.

    Settings are switches, numbers and texts, also in short lists and dicts. Objects of other packages are left out.

    Args:
        roots: The objects, with names.
        models: Models whose layers are included.
    """
    found: dict[str, Any] = {}
    layers: dict[int, Any] = {id(layer): layer for model in models for layer in sublayers(model)}
    seen: dict[int, Any] = {}
    ahead = deque(roots)
    while ahead:
        path, thing = ahead.popleft()
        if isinstance(thing, keras.Layer):
            layers |= {} if id(thing) in layers else {id(layer): layer for layer in sublayers(thing)}
        elif isinstance(thing, _NUMBERS):
            found[path] = thing
        elif id(thing) not in seen and not isinstance(thing, (*_ELSEWHERE, type, types.ModuleType)):
            seen[id(thing)] = thing
            ahead += [(f"{path}.{name}" if path else name, child) for name, child in _children(thing)]
    for place, layer in enumerate(layers.values()):
        found |= {f"{layer.name}.{name}#{place}": value for name, value in _settings(layer)}
    return found


def _settings(layer: Any) -> Iterator[tuple[str, Any]]:
    """The settings among the attributes of a layer; of Keras' own layers those that can change: switches and fractions."""
    yield "trainable", layer.trainable
    if type(layer).__module__.startswith(("keras.", f"{PACKAGE}.")):
        for name, value in vars(layer).items():
            if isinstance(value, _CHANGEABLE) and not name.startswith("_"):
                yield name, value
        return
    for name, value in vars(layer).items():
        if name.startswith("_") and name in _private_in_keras():
            continue
        if isinstance(value, _SETTINGS):
            yield name, value
        elif isinstance(value, list | tuple | dict) and len(value) <= _MOST:
            members = value.items() if isinstance(value, dict) else enumerate(value)
            yield from ((f"{name}.{key}", member) for key, member in members if isinstance(member, _NUMBERS))


def _children(thing: Any) -> Iterator[tuple[str, Any]]:
    """What an object refers to, by name."""
    if isinstance(thing, list | tuple | dict | deque):
        members = thing.items() if isinstance(thing, dict) else enumerate(thing)
        yield from ((str(key), member) for key, member in members if len(thing) <= _MOST)
    elif isinstance(thing, types.MethodType):
        yield from ((type(thing.__self__).__name__, thing.__self__), ("", thing.__func__))
    elif isinstance(thing, functools.partial):
        yield from (("func", thing.func), ("args", thing.args), ("keywords", thing.keywords))
    elif isinstance(thing, types.FunctionType):
        yield from zip(thing.__code__.co_freevars, map(content_of, thing.__closure__ or ()), strict=True)
    elif not _of_another_package(type(thing).__module__):
        yield from getattr(thing, "__dict__", {}).items()


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one is other or one == other)


@functools.cache
def _of_another_package(module: str) -> bool:
    """Whether a module belongs to an installed package that is neither Keras nor gantape."""
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return "site-packages" in Path(file).parts and module.partition(".")[0] not in ("keras", PACKAGE)


def content_of(cell: Any) -> Any:
    """What the cell of a closure holds; `None` for nothing."""
    try:
        return cell.cell_contents
    except ValueError:  # the name is not bound yet
        return None


@functools.cache
def _private_in_keras() -> frozenset[str]:
    return frozenset(vars(keras.Model()))
