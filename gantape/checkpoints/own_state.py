"""The state that layers and optimizers hold outside of variables, saved and restored as Keras does.

What Keras saves of a layer besides its variables is an array here: entries of a layer's own `save_own_variables`, its assets
(such as vocabularies), and arrays among its attributes (such as boundaries that `adapt` has found).
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gantape.errors import GantapeError, RunDirectoryError, TaskError, summary

ENTRY, ASSET = "entry", "asset"
_ATTRIBUTES: dict[str, Any] = {"array": np.asarray, "tensor": tf.constant, "list": lambda value: value.tolist()}
"""The kinds of attributes, and how each is made from an array."""

_KEPT = re.compile(rf"(.+)/({'|'.join([ENTRY, ASSET, *_ATTRIBUTES])})/([\w.-]+)")


def own_state(objects: Mapping[str, Any]) -> dict[str, Any]:
    """What objects of Keras hold outside of variables: arrays by the way to the object, the kind and the name.

    Args:
        objects: Layers, optimizers and metrics, by the way to each.

    Raises:
        TaskError: If an object cannot be saved.
    """
    state: dict[str, Any] = {}
    for path, thing in objects.items():
        try:
            found = {(ENTRY, name): value for name, value in _entries(thing).items() if not _is_variable(value, thing)}
            found |= {(ASSET, name): value for name, value in _assets(thing).items()}
            found |= _attributes(thing)
        except Exception as error:
            raise TaskError(
                "a part cannot be saved.",
                where=f"{path}, a {type(thing).__name__}",
                got=summary(error),
                do="call its adapt before the run, or correct its save_own_variables and save_assets.",
            ) from error
        state |= {f"{path}/{kind}/{name}": np.asarray(value) for (kind, name), value in found.items()}
    wrong = [name for name in state if not _KEPT.fullmatch(name) or state[name].dtype == object]
    if wrong:
        raise TaskError(
            "a part holds something outside of its variables that is not an array.",
            where=wrong[0],
            got="a name with other characters, or Python objects",
            do="save arrays in save_own_variables, under names of letters and digits.",
        )
    return state


def restore_own_state(objects: Mapping[str, Any], state: Mapping[str, Any], where: str) -> None:
    """Restore what objects of Keras hold outside of variables, and let them derive what follows from their variables.

    Variables have their values already. As an object may assign other values, such as rounded ones, assign them again.

    Args:
        objects: Layers, optimizers and metrics, by the way to each.
        state: What `own_state` returned.
        where: The checkpoint.

    Raises:
        RunDirectoryError: If an object cannot be restored.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, value in state.items():
        match = _KEPT.fullmatch(name)
        if match is None or match[1] not in objects:
            raise _unreadable(where, f"{name}, which no part of the task has")
        found.setdefault(match[1], {}).setdefault(match[2], {})[match[3]] = value
    for path, thing in objects.items():
        kept = found.get(path, {})
        try:
            for kind, convert in _ATTRIBUTES.items():
                for name, value in kept.get(kind, {}).items():
                    setattr(thing, name, convert(value))
            if _own(thing, "load_own_variables"):
                thing.load_own_variables(_stored(thing) | kept.get(ENTRY, {}))
            if ASSET in kept and not _same(_assets(thing), kept[ASSET]):  # Keras does not load a vocabulary without words
                _load_assets(thing, kept[ASSET])
        except GantapeError:
            raise
        except Exception as error:
            raise _unreadable(where, f"{path}, a {type(thing).__name__}: {summary(error)}") from error


def _own(thing: Any, method: str) -> bool:
    """Whether an object's class has a method of its own for what Keras' base class does with variables alone."""
    kinds = [kind for kind in (keras.Layer, keras.Optimizer) if isinstance(thing, kind)]
    return any(getattr(type(thing), method) is not getattr(kind, method) for kind in kinds)


def _entries(thing: Any) -> dict[str, Any]:
    store: dict[str, Any] = {}
    if _own(thing, "save_own_variables"):
        thing.save_own_variables(store)
    return store


def _stored(thing: Any) -> dict[str, Any]:
    """What an object saves of its variables, as arrays."""
    store: dict[str, Any] = {}
    try:
        thing.save_own_variables(store)
    except Exception:  # one that is not adapted may have nothing to save: its entries come from the checkpoint
        return {}
    return {name: np.asarray(value) for name, value in store.items()}


def _is_variable(value: Any, thing: Any) -> bool:
    return isinstance(value, keras.Variable) or any(value is variable.value for variable in thing.variables)


def _attributes(thing: Any) -> dict[tuple[str, str], Any]:
    """Arrays, tensors and lists of floats among the attributes of a layer, by kind and name."""
    attributes = vars(thing).items() if isinstance(thing, keras.Layer) else ()
    found = {(_kind_of(value), name): value for name, value in attributes}
    return {(kind, name): value for (kind, name), value in found.items() if kind and _is_numeric(value)}


def _is_numeric(value: Any) -> bool:
    dtype = tf.as_dtype(np.asarray(value).dtype)  # of 16 bits too, which NumPy itself does not know
    return bool(dtype.is_floating or dtype.is_integer or dtype.is_complex or dtype.is_bool)


def _kind_of(value: Any) -> str:
    if isinstance(value, list):
        return "list" if value and all(type(number) is float for number in value) else ""
    if isinstance(value, tf.Tensor):
        return "tensor" if hasattr(value, "numpy") else ""  # a symbolic one has no value
    return "array" if isinstance(value, np.ndarray) else ""


def _assets(thing: Any) -> dict[str, Any]:
    if not hasattr(thing, "save_assets"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        thing.save_assets(folder)
        files = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
        return {str(path.relative_to(folder)): np.frombuffer(path.read_bytes(), np.uint8) for path in files}


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def _load_assets(thing: Any, files: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, Path(name).name).write_bytes(content.astype(np.uint8).tobytes())
        thing.load_assets(folder)


def _unreadable(where: str, got: str) -> RunDirectoryError:
    return RunDirectoryError(
        "what a layer holds outside of its variables cannot be restored.",
        where=where,
        got=got,
        do="resume with the task that the run began with, its build_ methods unchanged.",
    )
