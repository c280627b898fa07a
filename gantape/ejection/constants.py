"""The hyper-parameters that a program has names for."""

import contextlib
import inspect
import sys
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any

from gantape.tasks import Task


@contextlib.contextmanager
def named_numbers(task: Task) -> Iterator[dict[int, str]]:
    """A context in which the hyper-parameters that are floats are recognised: their names in the program, by identity.

    Python keeps equal numbers of a file as one object, so a number in a loss may be the very object that is the default of a
    hyper-parameter. So the task has copies in this context. The objects themselves, which parts were built with, have the name
    only if nothing else in the files of the task is the same object.
    """
    numbers = {name: value for name, value in task.hyperparameters.items() if isinstance(value, float)}
    owners, written = Counter(map(id, numbers.values())), set(map(id, _written(type(task))))
    names = {id(value): name.upper() for name, value in numbers.items() if owners[id(value)] == 1 and id(value) not in written}
    copies = {name: float(repr(value)) for name, value in numbers.items()}
    try:
        for name, copy in copies.items():
            object.__setattr__(task, name, copy)
        yield names | {id(copy): name.upper() for name, copy in copies.items()}
    finally:
        for name, value in numbers.items():
            object.__setattr__(task, name, value)


def _written(cls: type) -> Iterator[float]:
    """The floats in the functions and methods of a class, of its bases, and of the modules that these are in."""
    for base in cls.__mro__:
        yield from _floats_of(base, base.__module__)
        for value in list(vars(sys.modules.get(base.__module__, types.ModuleType(""))).values()):
            if isinstance(value, float):
                yield value
            yield from _floats_of(value, base.__module__)


def _floats_of(value: Any, module: str) -> Iterator[float]:
    value = getattr(value, "fget" if isinstance(value, property) else "__func__", value)
    if isinstance(value, type) and value.__module__ == module:
        for member in vars(value).values():
            yield from _floats_of(member, module)
    elif isinstance(value, types.FunctionType) and value.__module__ == module:
        function = inspect.unwrap(value)
        if function.__code__.co_filename.startswith("<attrs"):  # an `__init__`, whose defaults are those of the fields
            return
        for constant in (function.__code__, function.__defaults__, tuple((function.__kwdefaults__ or {}).values())):
            yield from _floats_in(constant)


def _floats_in(constant: Any) -> Iterator[float]:
    if isinstance(constant, float):
        yield constant
    elif isinstance(constant, types.CodeType | tuple | frozenset):
        for inner in constant.co_consts if isinstance(constant, types.CodeType) else constant:
            yield from _floats_in(inner)
