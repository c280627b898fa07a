"""The last operation of a network: the range of its outputs, if it has one."""

import math
from typing import Any

import tensorflow as tf

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

    The model is traced, so that this works for layers, activations and functions alike.

    Args:
        model: The model.
        inputs: Inputs that it can be called with.
    """

    def first_output(inputs: Any) -> Any:
        outputs = model(inputs, training=False)
        return outputs[0] if isinstance(outputs, tuple | list) else outputs

    try:
        traced = tf.function(first_output, autograph=False).get_concrete_function(inputs)
        operation = traced.graph.outputs[0].op
        while operation.type in _PASSES:
            operation = operation.inputs[0].op
    except Exception:  # code that runs in eager mode only is not known to fail
        return ""
    return str(operation.type)
