"""Where the path of a gradient ends: the operations of a loss that pass none on."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import attrs
import tensorflow as tf

from gantape.distribute.replicas import copies
from gantape.steps.lines import line_of_error, line_of_operation
from gantape.types import Tensor, Variable

WITHOUT_VALUES = frozenset({"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike", "BroadcastGradientArgs", "NoOp"})
"""Operations whose results do not depend on the values of what they are given."""

_NAMES = {
    "StopGradient": "tf.stop_gradient",
    "ArgMax": "tf.argmax",
    "ArgMin": "tf.argmin",
    "Round": "tf.round",
    "Rint": "tf.round",
}


@attrs.frozen
class Cut:
    """An operation that passes no gradient on.

    Args:
        operation: The operation, such as `tf.argmax`.
        line: The line of user code that made it, as "file:line, in function"; an empty text if there is none.
    """

    operation: str
    line: str

    def __str__(self) -> str:
        return f"{self.operation}, {self.line or 'in a library'}"


@attrs.frozen(eq=False)
class PathOfGradient:
    """The way from variables to a target in the graph of a loss.

    Args:
        read: Whether the loss reads any of the variables.
        reaches: Whether the target depends on them.
        cuts: The operations at which the gradient ends, those on lines of the user first. None if one arrives.
    """

    read: bool
    reaches: bool
    cuts: tuple[Cut, ...]

    def __str__(self) -> str:
        if not self.read:
            return "the loss does not call it"
        if not self.reaches:
            return "the loss calls it, and does not depend on what it returns"
        return f"cut by {'; '.join(map(str, self.cuts[:3]))}" if self.cuts else "no single operation cuts it off"


def path_of_gradient(graph: Any, variables: Iterable[Variable], target: Tensor) -> PathOfGradient:
    """Follow the gradient of a target back to variables. Call it while the graph is traced.

    An operation is a cut if gradients reach its outputs, and none comes out at an input that depends on the variables. If a
    whole number comes out, the operation that made it from floats is the cut.

    Args:
        graph: The graph.
        variables: The variables.
        target: A scalar of the graph.
    """
    reads = [operation for placeholder in handles(graph, variables) for operation in placeholder.consumers()]
    last: Any = getattr(target, "op", None)
    path = _before(last, _after(reads)) if last is not None else set()
    if not path:
        return PathOfGradient(bool(reads), False, ())
    tensors = [output for operation in path for output in operation.outputs if output.dtype.is_floating]
    gradients = tf.gradients(target, tensors)
    reached = {tensor.ref() for tensor, gradient in zip(tensors, gradients, strict=True) if gradient is not None}
    if any(output.ref() in reached for read in reads for output in read.outputs):
        return PathOfGradient(True, True, ())
    found: dict[str, Any] = {}
    for operation in [operation for operation in graph.get_operations() if operation in path]:
        if any(output.ref() in reached for output in operation.outputs):
            for tensor in operation.inputs:
                if tensor.op in path and tensor.ref() not in reached:
                    found |= {cut.name: cut for cut in _made_whole(tensor, operation, path)}
    own = [operation for operation in found.values() if line_of_operation(operation, innermost=True)]
    cuts = dict.fromkeys(_cut(operation) for operation in own or found.values())
    return PathOfGradient(True, True, tuple(sorted(cuts, key=lambda cut: not cut.line)))


def why_no_gradient(loss: Callable[[], Tensor], variables: Sequence[Variable]) -> str:
    """Why variables get no gradient from a loss, as text; the loss is traced once more for it.

    Args:
        loss: Computes the loss.
        variables: The variables.
    """
    found: list[PathOfGradient] = []

    def trace() -> None:
        target = loss()
        found.append(path_of_gradient(tf.compat.v1.get_default_graph(), variables, target))

    try:
        tf.function(trace).get_concrete_function()
    except Exception as error:  # whatever the user's code raises: a tensor of a graph has no `.numpy()`, for instance
        line = line_of_error(error)
        return f"the path leaves TensorFlow at {line}" if line else ""
    return str(found[0])


def handles(graph: Any, variables: Iterable[Variable]) -> list[Any]:
    """The tensors by which a graph refers to variables."""
    known = {id(copy.handle) for variable in variables for copy in copies(variable)}
    return [inside for outside, inside in graph.captures if id(outside) in known]


def _after(operations: Iterable[Any]) -> set[Any]:
    """The operations whose values depend on others."""
    found: set[Any] = set()
    ahead = list(operations)
    while ahead:
        operation = ahead.pop()
        if operation not in found and operation.type not in WITHOUT_VALUES:
            found.add(operation)
            ahead += [consumer for output in operation.outputs for consumer in output.consumers()]
    return found


def _before(operation: Any, among: Collection[Any]) -> set[Any]:
    """The operations on which one depends, among others."""
    found: set[Any] = set()
    ahead = [operation]
    while ahead:
        here = ahead.pop()
        if here in among and here not in found:
            found.add(here)
            ahead += [tensor.op for tensor in here.inputs]
    return found


def _made_whole(tensor: Any, consumer: Any, path: Collection[Any]) -> list[Any]:
    """The operation that cuts a tensor off: its consumer, or, for whole numbers, whatever made them from floats."""
    if tensor.dtype.is_floating:
        return [consumer]
    before = [given for given in tensor.op.inputs if given.op in path]
    return [cut for given in before for cut in _made_whole(given, tensor.op, path)]


def _cut(operation: Any) -> Cut:
    name = _NAMES.get(operation.type, operation.type)
    if operation.type == "Cast":
        name = f"a cast from {operation.inputs[0].dtype.name} to {operation.outputs[0].dtype.name}"
    return Cut(name, line_of_operation(operation))
