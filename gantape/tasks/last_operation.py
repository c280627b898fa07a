"""The last operation of a network: the range of its outputs, if it has one."""

import math
from typing import Any

import keras
import tensorflow as tf

from gantape._tensorflow import last_layer
from gantape.types import Model

RANGES = {
    "Sigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Softsign": (-1.0, 1.0),
    "Relu": (0.0, math.inf),
    "Relu6": (0.0, 6.0),
    "Softplus": (0.0, math.inf),
}
"""The ranges of TensorFlow's operations."""

_PASSES = ("Identity", "Cast", "Reshape", "Squeeze", "ExpandDims")


def last_operation(model: Model, inputs: Any) -> str:
    """The kind of TensorFlow operation that makes the first output of a model, such as "Tanh"; an empty text if unknown.

    The last layer is traced, or the whole model if that is not enough, so that this works for layers, activations and functions
    alike.

    Args:
        model: The model.
        inputs: Inputs that it can be called with.
    """
    last = last_layer(model)
    found = _last_of(*last) if last else ""
    return found or _last_of(model, (inputs,), {"training": False})


def _last_of(function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> str:
    """The last operation of a function, called with tensors, or symbolic ones in their place; an empty text if unknown."""

    def first_output() -> Any:
        given = tf.nest.map_structure(_blank, (arguments, keywords))
        outputs = function(*given[0], **given[1])
        return outputs[0] if isinstance(outputs, tuple | list) else outputs

    try:
        traced = tf.function(first_output, autograph=False).get_concrete_function()
        operation = traced.graph.outputs[0].op
        while operation.type in _PASSES:
            operation = operation.inputs[0].op
    except Exception:  # code that runs in eager mode only is not known to fail
        return ""
    return "" if operation.type == "Placeholder" else str(operation.type)


def _blank(leaf: Any) -> Any:
    """A placeholder for a symbolic tensor of Keras, with one example; anything else as it is."""
    if not isinstance(leaf, keras.KerasTensor):
        return leaf
    return tf.raw_ops.Placeholder(dtype=leaf.dtype, shape=[1 if axis is None else axis for axis in leaf.shape])
