"""Values as plain data that is the same in every process: what a run's record holds, and what a resumed run is compared by."""

import enum
import functools
import hashlib
import inspect
import json
import re
import types
from collections.abc import Mapping
from typing import Any

import attrs
import keras
import numpy as np
import tensorflow as tf


def plain(value: Any) -> Any:
    """A value as JSON has it: numbers, texts, lists and dicts.

    Functions and classes are their qualified names, with what they are bound to; a lambda has a checksum of its code. Objects
    of Keras are their configurations without the numbers in automatic names, arrays their type, shape and a checksum. Other
    objects are their text, or their class and attributes where the text contains an address.
    """
    return _plain(value, ())


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    if isinstance(value, enum.Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return _plain(value.item(), above)
    if isinstance(value, np.ndarray | tf.Tensor | tf.Variable | keras.Variable):
        return _array(value)
    if id(value) in above:
        return "..."  # an object that refers to itself
    inside = (*above, id(value))
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(_plain(key, inside)): _plain(item, inside) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, inside) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item, inside) for item in value), key=json.dumps)
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType | types.MethodType | functools.partial):
        return _callable(value, inside)
    return _object(value, inside)


def _array(value: Any) -> str:
    array = np.asarray(value)
    digest = hashlib.blake2b(repr(array.tolist()).encode() if array.dtype == object else array.tobytes(), digest_size=8)
    return f"{array.dtype}{list(array.shape)} {digest.hexdigest()}"


def _callable(value: Any, inside: tuple[int, ...]) -> Any:
    if isinstance(value, functools.partial):
        return {"partial": [_plain(part, inside) for part in (value.func, value.args, value.keywords)]}
    if isinstance(value, types.MethodType):
        return {"method": value.__func__.__qualname__, "of": _plain(value.__self__, inside)}
    name = f"{value.__module__}.{value.__qualname__}"
    if not isinstance(value, types.FunctionType):
        return name
    if value.__name__ == "<lambda>":
        name += f" {hashlib.blake2b(json.dumps(_code(value.__code__)).encode(), digest_size=8).hexdigest()}"
    bound = inspect.getclosurevars(value).nonlocals
    return {"function": name, "bound": _plain(bound, inside)} if bound else name


def _code(code: types.CodeType) -> Any:
    constants = [_code(constant) if isinstance(constant, types.CodeType) else plain(constant) for constant in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), [repr(constant) for constant in constants]]


def _object(value: Any, inside: tuple[int, ...]) -> Any:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if hasattr(value, "get_config"):
        return {"class": kind} | _without_numbers(_plain(value.get_config(), inside))
    if attrs.has(type(value)):
        return {"class": kind} | {field.name: _plain(getattr(value, field.name), inside) for field in attrs.fields(type(value))}
    text = str(value)
    return text if " at 0x" not in text else {"class": kind} | _plain(getattr(value, "__dict__", {}), inside)


def _without_numbers(config: Any) -> Any:
    """A configuration without the numbers of automatic names, as in `dense_3`."""
    if isinstance(config, dict):
        return {name: _without_numbers(value) for name, value in config.items()}
    if isinstance(config, list):
        return [_without_numbers(value) for value in config]
    return re.sub(r"_\d+$", "", config) if isinstance(config, str) else config
