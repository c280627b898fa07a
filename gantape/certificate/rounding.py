"""Rounding made visible: a step in which every operation that computes with floats is off by a few units in the last place.

XLA adds in another order, fuses operations, keeps more digits in between and has its own logarithms. Each of these changes the
result of an operation by some roundings. How far that moves a variable depends on the task: a gradient that is zero but for
rounding becomes a whole step of Adam. So it is measured, as in Monte Carlo arithmetic (Parker 1997).
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

ROUNDINGS = 8.0
"""The width of a perturbation in roundings. An operation alone is exact to about two, either way."""

SAMPLES = 8
"""Runs of a step that are rounded otherwise. Adam's first step follows the sign of a gradient: where rounding decides it, all
of them have the same sign once in a hundred times."""

MARGIN = 4.0
"""Rounding explains this many times the largest difference between the samples."""

_CHOOSING = frozenset({"Max", "Min", "MaxPool", "MaxPoolV2", "MaxPool3D", "TopK", "TopKV2", "SegmentMax", "SegmentMin"})
"""Operations that return one of their inputs. Their gradients look for it among the inputs, and would not find it."""

_CALLING = frozenset({"If", "StatelessIf", "While", "StatelessWhile", "Case", "PartitionedCall", "StatefulPartitionedCall"})
"""Operations that run others, which are perturbed themselves."""


_ROUNDING = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}


def rounding_of(dtype: Any) -> float:
    """The largest relative error of one rounding to a type of TensorFlow; 0 for one without fractions."""
    return _ROUNDING.get(dtype.name, 0.0)


def perturbing() -> Callable[[str, Sequence[Any], Sequence[Any]], Any]:
    """For `operations`: perturbs the floats that a traced operation computes from floats, in every run by other numbers.

    Whole numbers are kept: they are exact, and code may compare them. The result of n inputs is perturbed by √n as much, since
    a sum of n numbers in another order is, in 16 bits too. TensorFlow's own random numbers, others in each run, are replaced by
    one number.
    """
    numbers = itertools.count(1)

    def follow(kind: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        if not outputs or tf.executing_eagerly():
            return None
        if draws(outputs[0]):
            return [tf.cast(tf.fill(tf.shape(tensor), 0.5), tensor.dtype) for tensor in outputs]
        if kind in _CHOOSING or kind in _CALLING or not any(tensor.dtype.is_floating for tensor in inputs):
            return None
        return [
            _perturbed(tensor, _width(inputs, tensor), next(numbers)) if tensor.dtype.is_floating else tensor
            for tensor in outputs
        ]

    return follow


def draws(tensor: Any) -> bool:
    """Whether a tensor of a graph is a draw of TensorFlow's own random numbers: its operation has a seed and a state."""
    operation = tensor.op
    return bool(operation.op_def and operation.op_def.is_stateful and "seed2" in operation.node_def.attr)


def draws_by_seed(tensor: Any) -> bool:
    """Whether a tensor of a graph is a draw of random numbers that follow from a seed."""
    definition = tensor.op.op_def
    return bool(definition and {"seed", "counter"} & {argument.name for argument in definition.input_arg})


def distance(one: Any, other: Any) -> float:
    """The largest difference of an element of two arrays; infinite if it is not finite in only one, or the shapes differ."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if one.shape != other.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):
        apart = np.abs(one - other)
    alike = (one == other) | (np.isnan(one) & np.isnan(other))
    return float(np.max(np.where(alike, 0.0, np.where(np.isfinite(apart), apart, np.inf)), initial=0.0))


def _perturbed(tensor: Any, width: float, number: int) -> Any:
    relative = min(1.0, width * ROUNDINGS * rounding_of(tensor.dtype))
    shape = tensor.shape if tensor.shape.is_fully_defined() else tf.shape(tensor)
    # In one axis: TensorFlow cannot choose between tensors of ten, as gradients of repeated pixels have.
    values = tf.reshape(tensor, [-1])
    # Seeded, so that a certificate is the same each time; each run of the graph continues the sequence.
    uniform = tf.raw_ops.RandomUniform(shape=tf.shape(values), dtype=tensor.dtype, seed=1, seed2=number)
    factor = tf.cast(1.0 - relative / 2.0, tensor.dtype) + tf.cast(relative, tensor.dtype) * uniform
    return tf.reshape(tf.where(tf.equal(values, tf.round(values)), values, values * factor), shape)


def _width(inputs: Sequence[Any], output: Any) -> float:
    sizes = [tensor.shape.num_elements() for tensor in inputs if tensor.dtype.is_floating]
    made = output.shape.num_elements()
    return max(1.0, (sum(size or 0 for size in sizes) / made) ** 0.5) if made else 1.0
