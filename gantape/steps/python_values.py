"""The values of Python that a traced step contains: settings of layers, and numbers, arrays and functions in losses and tasks.

A trace has them as constants. So it is known here what they were, and a step is traced again when they have changed.
"""

import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gantape._tensorflow import PACKAGE, sublayers
from gantape.steps.same_trace import same_trace

_NUMBERS = (bool, int, float, complex, str, bytes)
_ARRAYS = (np.ndarray, np.generic, tf.Tensor)
_NO_NUMBERS = (tf.string, tf.resource, tf.variant)
_COMPARED = (*_NUMBERS, tuple, types.CodeType)
"""What is compared by its value; anything else has to be the same object. Arrays are tuples of type, shape and numbers."""

_TABLES = (
    *(tf.lookup.StaticHashTable, tf.lookup.StaticVocabularyTable),
    *(tf.lookup.experimental.MutableHashTable, tf.lookup.experimental.DenseHashTable),
)
_OBJECTS = (keras.regularizers.Regularizer, keras.constraints.Constraint)
_CHANGEABLE = (bool, float, types.FunctionType, *_OBJECTS, *_TABLES, *_ARRAYS)
_IN_CLASSES = (*_NUMBERS, *_ARRAYS, types.FunctionType)
_MOST, _MOST_BYTES, _MOST_VALUES = 100, 2**16, 20_000
"""The longest list or dict that is taken for settings, and not for data; the largest array that is; and the most values, the
nearest first."""

_THEMSELVES = (*_NUMBERS, *_TABLES, keras.Variable, tf.Variable)
_ELSEWHERE = (keras.Optimizer, keras.metrics.Metric)


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
        self._growing: frozenset[str] = frozenset()
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

        What it has changed itself, such as a count of calls, is ignored from now on, and arrays that it has made. So are
        numbers, texts and arrays that have changed although this trace is the one that it replaces, such as a count of
        episodes, and what has grown, such as a list of scores, until a trace is another one.

        Args:
            trace: The traced function, if there is one.
        """
        before, self._values = self._values, self._read()
        both = before.keys() & self._values.keys()
        self._ignored |= {name for name in both if not _equal(before[name], self._values[name])}
        self._ignored |= {name for name in self._values.keys() - both if isinstance(self._values[name], (tuple, *_ARRAYS))}
        self._trace = trace
        if self._replaced is not None:
            (other, changed), self._replaced = self._replaced, None
            self._ignored |= other._ignored
            if trace is not None and other._trace is not None and same_trace(trace, other._trace):
                numbers = {name for name in changed if type(self._values.get(name)) in (int, float, str, tuple)}
                self._without_effect = other._without_effect | numbers
                self._growing = other._growing | _grown(changed, other._values)

    def changed(self) -> list[str]:
        """The names of those that have another value now, or are new or gone."""
        now, then = self._read(), self._values
        names = dict.fromkeys([*then, *now])
        found = [name for name in names if not (name in then and name in now and _equal(then[name], now[name]))]
        ignored = self._ignored | self._without_effect
        known = [name for name in found if name not in ignored]
        return [name for name in known if name in then or self._growing.isdisjoint(_ways(name))]


def values_of(roots: Sequence[tuple[str, Any]], models: Sequence[Any]) -> dict[str, Any]:
    """What a trace takes from objects as constants, at any depth, and from all layers that they hold.

    These are switches, numbers and texts, also in short lists, dicts and sets; arrays; the code of functions, and the numbers
    and functions of modules and classes that it refers to; and which layer, variable or table an attribute is. Objects
    of other packages are left out.

    Args:
        roots: The objects, with names.
        models: Models whose layers are included.
    """
    found: dict[str, Any] = {}
    layers: dict[int, Any] = {}
    seen: dict[int, Any] = {}
    ahead = deque([*roots, *((model.name, model) for model in models)])
    while ahead and len(found) < _MOST_VALUES:
        path, thing = ahead.popleft()
        kind = thing.__class__
        if _is(kind, keras.Layer):
            found[path] = thing
            for layer in [] if id(thing) in layers else sublayers(thing):
                if id(layer) not in layers:
                    layers[id(layer)] = layer
                    ahead += ((f"{layer.name}#{len(layers)}.{name}", value) for name, value in _settings(layer))
        elif _is(kind, _THEMSELVES):
            found[path] = thing
        elif _is(kind, _ARRAYS):
            found[path] = _contents(thing)
        elif id(thing) not in seen and not _is(kind, _ELSEWHERE):
            seen[id(thing)] = thing
            found |= {path: thing.__code__} if kind is types.FunctionType else {}
            ahead += [(_joined(path, name), child) for name, child in _children(thing)]
    return found


def _joined(path: str, name: str) -> str:
    return path + name if name.startswith("[") or not path else f"{path}.{name}"


def attributes_of(thing: Any) -> Iterator[tuple[str, Any]]:
    """The attributes of an object, those in slots included, in an order that is the same in every process."""
    yield from getattr(thing, "__dict__", {}).items()
    for name in _slots(thing.__class__):
        if hasattr(thing, name):
            yield name, getattr(thing, name)


def content(cell: Any) -> Any:
    """What a cell of a closure holds; `None` while its name is not bound yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _contents(array: Any) -> Any:
    """An array, to be compared by its numbers if it is small, else by being the same object."""
    if tf.is_symbolic_tensor(array) or array.dtype in (object, *_NO_NUMBERS) or _bytes(array) > _MOST_BYTES:
        return array
    numbers = np.asarray(array)
    return str(numbers.dtype), numbers.shape, numbers.tobytes()


def _bytes(array: Any) -> int:
    return int(np.prod(array.shape)) * int(getattr(array.dtype, "itemsize", 0) or array.dtype.size)


def _settings(layer: Any) -> Iterator[tuple[str, Any]]:
    """The settings of a layer; of Keras' own layers those that can change: not what they were built with."""
    yield "trainable", layer.trainable
    kind, of_all = type(layer), _in_every_layer()
    if not kind.__module__.startswith(("keras.", f"{PACKAGE}.")):
        yield from ((name, value) for name, value in attributes_of(layer) if name not in of_all)
        yield from _of_classes(kind)
        return
    for name, value in vars(layer).items():
        if _is(value.__class__, _CHANGEABLE) and name[0] != "_" and name not in of_all:
            yield name, value


def _children(thing: Any) -> Iterator[tuple[str, Any]]:
    """What an object refers to, by name."""
    if isinstance(thing, list | tuple | dict | deque):
        members = thing.items() if isinstance(thing, dict) else enumerate(thing)
        named = ((f"[{key}]" if isinstance(key, int) else str(key), member) for key, member in members)
        yield from named if len(thing) <= _MOST else ()
    elif isinstance(thing, set | frozenset):
        numbers = sorted(repr(member) for member in thing if len(thing) <= _MOST and isinstance(member, _NUMBERS))
        yield from ((f"[{place}]", number) for place, number in enumerate(numbers))
    elif isinstance(thing, types.MethodType):
        yield from ((type(thing.__self__).__name__, thing.__self__), (thing.__func__.__name__, thing.__func__))
    elif isinstance(thing, functools.partial):
        yield from (("func", thing.func), ("args", thing.args), ("keywords", thing.keywords))
    elif isinstance(thing, types.FunctionType):
        yield from zip(thing.__code__.co_freevars, map(content, thing.__closure__ or ()), strict=True)
        yield from (("defaults", thing.__defaults__), ("keywords", thing.__kwdefaults__))
        if _of_user(thing.__module__):
            names = (name for name in _global_names(thing.__code__) if name in thing.__globals__)
            yield from ((name, thing.__globals__[name]) for name in names)
    elif isinstance(thing, types.ModuleType):
        yield from _numbers_and_functions(thing, thing.__name__)
    elif isinstance(thing, type):
        yield from _of_classes(thing)
    elif not _of_another_package(type(thing).__module__):
        yield from attributes_of(thing)
        yield from _of_classes(type(thing))


def _of_classes(kind: type) -> Iterator[tuple[str, Any]]:
    """The numbers and methods of a class that a user wrote, and of those above it."""
    for one in kind.__mro__:
        yield from ((f"{one.__name__}.{name}", member) for name, member in _numbers_and_functions(one, one.__module__))


def _numbers_and_functions(thing: Any, module: str) -> Iterator[tuple[str, Any]]:
    """Those of a class or module that a user wrote."""
    for name, member in list(vars(thing).items()) if _of_user(module) else []:
        if _is(member.__class__, _IN_CLASSES) and (name[:2] != "__" or type(member) is types.FunctionType):
            yield name, member


def _ways(name: str) -> Iterator[str]:
    """All that holds what has a name: for `a.b[0].c` it is `a.b[0]`, `a.b` and `a`."""
    while name:
        name = name[: max(name.rfind("."), name.rfind("["), 0)]
        yield name


def _grown(names: Iterable[str], before: Iterable[str]) -> set[str]:
    """The lists that some new names are from."""
    known = {way for name in before for way in _ways(name)} | {*before}
    nearest = {name: next(way for way in _ways(name) if way in known or not way) for name in names if name not in known}
    return {way for name, way in nearest.items() if name[len(way) :].startswith("[")}


def _equal(one: Any, other: Any) -> bool:
    return one is other or (type(one) is type(other) and isinstance(one, _COMPARED) and one == other)


@functools.cache
def _of_another_package(module: str) -> bool:
    """Whether a module belongs to an installed package that is neither Keras nor gantape."""
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return "site-packages" in Path(file).parts and module.partition(".")[0] not in ("keras", PACKAGE)


@functools.cache
def _of_user(module: str) -> bool:
    """Whether a module is a user's: of no installed package, and not of Python's own."""
    own = ("keras", PACKAGE, *sys.stdlib_module_names)
    return module.partition(".")[0] not in own and not _of_another_package(module)


@functools.cache
def _global_names(code: types.CodeType) -> tuple[str, ...]:
    """The names of globals and attributes that code refers to, that of functions inside of it included."""
    inner = [name for part in code.co_consts if isinstance(part, types.CodeType) for name in _global_names(part)]
    return tuple(dict.fromkeys([*code.co_names, *inner]))


@functools.cache
def _slots(kind: Any) -> tuple[str, ...]:
    given = [vars(one).get("__slots__", ()) for one in kind.__mro__]
    names = {name for slots in given for name in ((slots,) if isinstance(slots, str) else slots)}
    return tuple(sorted(names - {"__dict__", "__weakref__"}))


@functools.cache
def _in_every_layer() -> frozenset[str]:
    """The names of attributes in which Keras keeps its books on every layer."""
    known = vars(keras.Model()).items()
    return frozenset(name for name, value in known if name[0] == "_" or isinstance(value, types.FunctionType))


@functools.cache
def _is(kind: Any, kinds: Any) -> bool:
    """Whether a type is below others. Tensors take long to say so of themselves, and all of this is asked before each call."""
    return issubclass(kind, kinds)
