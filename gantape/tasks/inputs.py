"""Checks of a batch against the inputs of a model."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from gantape.errors import DataError, DtypeError, ShapeError
from gantape.shapes import axes_of, describe, dtype_name, how_to_floats
from gantape.types import Model


def check_inputs(model: Model, inputs: Any, where: str) -> None:
    """Check inputs against what a functional or sequential model says that it takes.

    Keras finds the entries of a dict by name, and ignores others.

    Args:
        model: The model.
        inputs: A tensor, or a dict, list or tuple of them.
        where: The argument in errors.

    Raises:
        DataError: If an input is missing.
        DtypeError: If the model takes floats and an input holds integers.
        ShapeError: If an input has another shape.
    """
    pairs = _pairs(model, inputs, where)
    for name, spec, tensor in pairs:
        found = f"{name}: {describe(tensor)}" if len(pairs) > 1 else describe(tensor)
        if "float" in dtype_name(spec) and "float" not in dtype_name(tensor):
            raise DtypeError(
                "the model takes floating-point numbers.",
                where=where,
                got=found,
                do=how_to_floats(tensor),
            )
        axes, expected = axes_of(tensor), axes_of(spec)
        if not any(_fits(seen, expected) for seen in _with_and_without_last(axes, expected)):
            raise ShapeError(
                "the inputs do not fit the model.",
                where=where,
                got=f"{found}, where the model takes {expected}",
                do="reshape the data, or begin the model with keras.Input of the data's shape.",
            )


def output_spec(model: Model) -> Any:
    """The outputs of a functional or sequential model, as symbolic tensors; `None` for any other model."""
    if isinstance(model, keras.Sequential):
        return (model.outputs or [None])[0] if model.built else None
    return getattr(model, "output", None) if getattr(model, "inputs", None) else None


def chosen_inputs(model: Model, inputs: Any) -> Any:
    """Those entries of a dict of inputs that a model built from a dict takes: Keras would take others by their places."""
    taken = _structure(model)
    if not isinstance(inputs, Mapping) or not isinstance(taken, Mapping) or not taken.keys() < inputs.keys():
        return inputs
    return {name: inputs[name] for name in taken}


def _structure(model: Model) -> Any:
    """The inputs with which a functional model was built."""
    return None if isinstance(model, keras.Sequential) else getattr(model, "input", None)


def _pairs(model: Model, inputs: Any, where: str) -> list[tuple[str, Any, Any]]:
    """Each input that the model has, with its name and the tensor for it; none if it does not say, or nests them."""
    specs, taken = list(getattr(model, "inputs", None) or []), _structure(model)
    by_name = taken if isinstance(taken, Mapping) else {spec.name: spec for spec in specs}
    if not all(hasattr(spec, "shape") for spec in by_name.values()):
        return []
    if isinstance(inputs, Mapping):
        missing = [name for name in by_name if name not in inputs]
        problem = f"{', '.join(map(str, inputs))}, without {', '.join(map(str, missing))}" if missing else ""
        found = [(name, spec, inputs[name]) for name, spec in by_name.items() if not missing]
    else:
        tensors = tf.nest.flatten(inputs)
        fits = len(tensors) == len(specs) and (by_name is not taken or list(by_name) == sorted(by_name))
        problem = "" if fits or not specs else f"{len(tensors)} in a {type(inputs).__name__}"
        found = [(spec.name, spec, tensor) for spec, tensor in zip(specs, tensors, strict=False) if fits]
    if problem:
        raise DataError(
            "the data does not hold the inputs of the model.",
            where=where,
            got=f"{problem}, where the model takes {', '.join(map(str, by_name))}",
            do="give a dict with these names; for a model that was built from a list, a tuple in its order will do.",
        )
    return found


def _with_and_without_last(axes: tuple[Any, ...], expected: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """The axes as Keras takes them: it adds a last axis of size 1 that is missing, and drops one that is too many."""
    if len(axes) == len(expected) - 1 and expected[-1] == 1:
        return [(*axes, 1)]
    return [axes[:-1] if len(axes) == len(expected) + 1 and axes[-1] == 1 else axes]


def _fits(axes: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    return len(axes) == len(expected) and all(
        fixed is None or size is None or size == fixed for size, fixed in zip(axes, expected, strict=True)
    )
