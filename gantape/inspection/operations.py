"""Findings in the operations of a traced loss: axes that multiply, softmax of softmax, frozen and foreign random numbers."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gantape.inspection.clues import Clue
from gantape.inspection.graph import TracedUpdate
from gantape.steps.lines import line_of_operation

_MOVES_AXES = frozenset({"ExpandDims", "StridedSlice", "Reshape", "Pack", "Transpose"})
_SAME_VALUES = frozenset({"Identity", "Cast", "Reshape", "StopGradient", "Squeeze", "ExpandDims"})
_BY_NATURE = frozenset({"Const", "ReadVariableOp"})
_SQUASHES = {"Softmax": "softmax", "Sigmoid": "sigmoid"}


def clues_in_operations(traced: TracedUpdate, examples: int) -> Iterator[Clue]:
    """Findings in one trace.

    Args:
        traced: The update.
        examples: The number of examples in the batch.
    """
    for operation in traced.forward:
        yield from _broadcast(operation, examples)
        yield from _squashed_twice(operation)
        yield from _random(operation)


def clues_in_traces(first: Sequence[Any], second: Sequence[Any], drew: bool, where: str) -> Iterator[Clue]:
    """Numbers that Python made while the loss was traced: constants of the user's that are not the same in two traces.

    Args:
        first: The operations of the first trace.
        second: Those of the second. After the first difference in kind no constants are compared.
        drew: Whether Python or NumPy drew random numbers during a trace; they may also have chosen between operations.
        where: The update, for what has no line.
    """
    pairs = list(zip(first, second, strict=False))
    alike = list(itertools.takewhile(lambda pair: pair[0].type == pair[1].type, pairs))
    changed = [one for one, other in alike if one.type == "Const" and _value(one) != _value(other)]
    lines = list(filter(None, map(line_of_operation, changed)))
    if drew and not lines:
        lines = [next(filter(None, (line_of_operation(one) for one, _ in pairs[len(alike) :])), where)]
    for line in lines:
        yield Clue(
            "a number that Python makes while the loss is traced is another in a second trace: in a compiled step it "
            "is a constant, and never changes again.",
            line,
            "draw random numbers from `rng`; keep what changes in a keras.Variable, or compute it from `rng.step`.",
        )


def _broadcast(operation: Any, examples: int) -> Iterator[Clue]:
    """`batch 1` with `batch`: every example meets every other. Axes that the author added for that are meant."""
    tensors = [*operation.inputs, *operation.outputs]
    if examples < 2 or len(operation.outputs) != 1 or not all(tensor.shape.is_fully_defined() for tensor in tensors):
        return
    shapes = [tensor.shape.as_list() for tensor in tensors]
    for (one, shape), (other, short) in itertools.permutations(list(zip(tensors, shapes, strict=True))[:-1], 2):
        place = len(shape) - len(short)
        meets = place > 0 and len(short) > 0 and shape[0] == short[0] == examples and shape[place] == 1
        if not meets or not _is_broadcast(shapes[:-1], shapes[-1]) or _source(other).type in _BY_NATURE:
            continue
        line = line_of_operation(operation)
        if line and not _axis_was_added(one, len(short)):
            yield Clue(
                f"{shape} with {short} makes {shapes[-1]}: every example meets every other of the batch.",
                line,
                "bring both to one shape: values[:, tf.newaxis], or tf.squeeze(outputs, axis=1).",
            )
            return


def _is_broadcast(shapes: Sequence[Sequence[int]], result: Sequence[int]) -> bool:
    """Whether an operation works element by element."""
    try:
        return list(np.broadcast_shapes(*map(tuple, shapes))) == list(result)
    except ValueError:
        return False


def _axis_was_added(tensor: Any, rank: int) -> bool:
    """Whether a tensor got its axes of size 1 from a tensor with fewer axes, not from a network."""
    while tensor.op.type in _SAME_VALUES | _MOVES_AXES:
        given = tensor.op.inputs[0]
        if tensor.op.type in _MOVES_AXES and given.shape.rank is not None and given.shape.rank <= rank:
            return True
        tensor = given
    return False


def _squashed_twice(operation: Any) -> Iterator[Clue]:
    """A softmax or a sigmoid of probabilities in a loss that takes logits."""
    logits = None
    if operation.type in ("SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits"):
        logits, wanted = operation.inputs[0], "Softmax"
    elif operation.type == "GreaterEqual" and operation.name.rpartition("/")[0].rpartition("/")[2].startswith("logistic_loss"):
        logits, wanted = operation.inputs[0], "Sigmoid"  # made by tf.nn.sigmoid_cross_entropy_with_logits
    if logits is not None and _source(logits).type == wanted:
        yield Clue(
            f"a loss that takes logits gets probabilities: it applies a second {_SQUASHES[wanted]}.",
            line_of_operation(operation) or f"operation {operation.name}",
            "end the model without an activation; or use a loss for probabilities, with from_logits=False.",
        )


def _random(operation: Any) -> Iterator[Clue]:
    """Random numbers that TensorFlow draws from a state of its own."""
    names = {attribute.name for attribute in operation.op_def.attr} if operation.op_def is not None else set()
    if operation.op_def is not None and operation.op_def.is_stateful and {"seed", "seed2"} <= names:
        line = line_of_operation(operation)
        if line:
            yield Clue(
                f"TensorFlow draws random numbers here ({operation.type}): neither the run's seed nor a checkpoint "
                "determines them, and modes differ.",
                line,
                'draw from the `rng` that the loss is given: rng.normal("name", shape), rng.uniform("name", shape).',
            )


def _source(tensor: Any) -> Any:
    """The operation that computed a tensor, behind casts and changes of shape."""
    while tensor.op.type in _SAME_VALUES:
        tensor = tensor.op.inputs[0]
    return tensor.op


def _value(operation: Any) -> bytes:
    value: bytes = operation.get_attr("value").SerializeToString()
    return value
