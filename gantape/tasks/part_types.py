"""Checks of what a `build_` method returns against what the part is."""

import inspect
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from gantape.augment import Augmentation
from gantape.conditioning import Condition
from gantape.errors import TaskError
from gantape.losses import AdversarialLoss, Penalty
from gantape.metrics import MetricSet
from gantape.steps.gradients import GradientOptions
from gantape.types import LossFunction, Model, Optimizer

_KINDS: dict[Any, tuple[str, str]] = {
    Model: ("a model or a layer of Keras", "one, such as keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])"),
    Optimizer: ("an optimizer of Keras", "an instance, such as keras.optimizers.Adam(1e-3)"),
    LossFunction: ("a loss of targets and predictions", "an instance, such as keras.losses.MeanSquaredError()"),
    MetricSet: ("a gantape.MetricSet", "gantape.MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy()), say"),
    GradientOptions: ("a gantape.GradientOptions", "gantape.GradientOptions(clip_norm=1.0), say"),
    AdversarialLoss: (
        "a gantape.losses.AdversarialLoss",
        "gantape.losses.NonSaturating(), which is Keras' BinaryCrossentropy(from_logits=True), or a subclass of yours",
    ),
    Condition: ("a gantape.conditioning.Condition", "gantape.conditioning.ClassLabels(10), say, or a subclass of yours"),
    Penalty: ("a tuple of gantape.losses.Penalty", "(gantape.losses.R1(),), with a comma, or subclasses of yours"),
    Augmentation: ("a tuple of gantape.augment.Augmentation", "(gantape.augment.Brightness(),), or subclasses of yours"),
}


def check_part(part: Any, declared: Any, where: str) -> None:
    """Check a part against the type that the class declares, as in `Part[Model]()`, if it is one of gantape's.

    A tuple of parts may be a list. The methods of a part are to take the arguments that its base class names.

    Args:
        part: What the `build_` method has returned.
        declared: The declared type; `None` for a part without one.
        where: The method in the error.

    Raises:
        TaskError: If the part is of another type.
    """
    several = get_origin(declared) is tuple and get_args(declared)[1:] == (...,)
    kind = get_args(declared)[0] if several else declared
    if kind not in _KINDS or part is None:
        return
    if several and not isinstance(part, tuple | list):
        raise _wrong(part, kind, where)
    for item in part if several else [part]:
        fits = callable(item) if kind is LossFunction else isinstance(item, kind)
        if isinstance(item, type | str) or not fits:
            raise _wrong(item, kind, where)
        for name, signature in _overridden(item, kind):
            _check_method(getattr(item, name), name, signature, f"{where}, {type(item).__name__}.{name}")


def _overridden(part: Any, kind: Any) -> Iterator[tuple[str, inspect.Signature]]:
    """The methods of an abstract base class that a class of the user defines, with the arguments that they are given."""
    if inspect.isabstract(kind) and not type(part).__module__.startswith("gantape."):
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if getattr(type(part), name) is not method and (name == "__call__" or not name.startswith("_")):
                yield name, inspect.signature(method)


def _check_method(method: Any, name: str, signature: inspect.Signature, where: str) -> None:
    names = list(signature.parameters)[1:]
    try:
        inspect.signature(method).bind(*names)
    except TypeError as error:
        raise TaskError(
            "a method does not take the arguments that it is called with.",
            where=where,
            got=f"{name}{inspect.signature(method)}: {error}",
            do=f"define {name}({', '.join(['self', *names])}).",
        ) from None


def _wrong(part: Any, kind: Any, where: str) -> TaskError:
    name, example = _KINDS[kind]
    return TaskError(f"this is not {name}.", where=where, got=_described(part), do=f"return {example}.")


def _described(part: Any) -> str:
    if isinstance(part, str):
        return repr(part)
    if isinstance(part, type):
        return f"the class {part.__name__}, not an instance"
    if inspect.isroutine(part):
        return f"the function {part.__qualname__}"
    name = type(part).__name__
    return f"{part!r}, a {name}"[:200] if isinstance(part, int | float | dict | tuple | list) else f"a {name}"
