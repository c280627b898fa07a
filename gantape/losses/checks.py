"""Checks of hyper-parameters, shapes and labels of losses."""

import math
from typing import Any

import attrs
import tensorflow as tf

from gantape.errors import DtypeError, HyperparameterError, ShapeError
from gantape.shapes import axes_of, describe, dtype_name
from gantape.steps.losses import upcast
from gantape.types import Tensor


@attrs.frozen
class Number:
    """An attrs validator of numbers.

    Args:
        low: Smallest number.
        high: Largest number.
        above: Whether `low` itself is excluded.
        below: Whether `high` itself is excluded.
        whole: Whether it has to be an int.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    whole: bool = False

    def __call__(self, owner: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
        """Raise a `HyperparameterError` unless the value is such a number and finite."""
        kinds = int if self.whole else int | float
        number = isinstance(value, kinds) and not isinstance(value, bool)
        excluded = (self.above and value == self.low) or (self.below and value == self.high)
        if number and math.isfinite(value) and self.low <= value <= self.high and not excluded:
            return
        raise HyperparameterError(
            f"a hyper-parameter is not {self}.",
            where=f"{type(owner).__name__}, field `{field.name}`",
            got=repr(value),
            do=f"give {self}.",
        )

    def __str__(self) -> str:
        bounds = []
        if math.isfinite(self.low):
            bounds.append(f"{'above' if self.above else 'of at least'} {self.low:g}")
        if math.isfinite(self.high):
            bounds.append(f"{'below' if self.below else 'of at most'} {self.high:g}")
        return " ".join(["a whole number" if self.whole else "a finite number", " and ".join(bounds)]).strip()


ANY = Number()
WEIGHT = Number(low=0.0)
SHARE = Number(low=0.0, high=1.0)
POSITIVE_SHARE = Number(low=0.0, high=1.0, above=True)
SHARE_BELOW_ONE = Number(low=0.0, high=1.0, below=True)
COUNT = Number(low=1, whole=True)


def check_same_shape(names: tuple[str, str], one: Any, other: Any, where: str) -> None:
    """Raise a `ShapeError` unless two tensors have the same shape: broadcasting would pair every number with every other."""
    axes = axes_of(one), axes_of(other)
    known = [(mine, its) for mine, its in zip(*axes, strict=False) if mine is not None and its is not None]
    if len(axes[0]) != len(axes[1]) or any(mine != its for mine, its in known):
        raise ShapeError(
            f"{names[0]} and {names[1]} do not have the same shape.",
            where=where,
            got=f"{describe(one)}, and {describe(other)}",
            do="pass equally many of both, with the same axes.",
        )


def check_labels(labels: Any, logits: Any, where: str) -> None:
    """Raise an error unless labels are integers, and logits have the same axes and one more.

    Raises:
        DtypeError: If the labels are not integers.
        ShapeError: If the logits do not fit them.
    """
    if "int" not in dtype_name(labels):
        raise DtypeError(
            "labels are not integers.",
            where=where,
            got=describe(labels),
            do="pass class indices from 0; tf.argmax(one_hot, axis=-1) computes them.",
        )
    fits = len(axes_of(logits)) == len(axes_of(labels)) + 1
    if not fits or any(None not in pair and pair[0] != pair[1] for pair in zip(axes_of(labels), axes_of(logits), strict=False)):
        raise ShapeError(
            "logits do not have the axes of the labels followed by one for the classes.",
            where=where,
            got=f"labels of {describe(labels)}, logits of {describe(logits)}",
            do='pass labels "batch" and logits "batch classes".',
        )


def mean(numbers: Any) -> Tensor:
    """The mean over all axes, in float32 or better."""
    return tf.reduce_mean(upcast(numbers))
