"""The graph of a task's losses: who feeds whom, where gradients are cut off, and what a tape keeps in memory."""

import random
from collections.abc import Callable, Container, Sequence
from typing import Any, TypeVar

import attrs
import numpy as np
import tensorflow as tf

from gantape.inspection.calls import RecordedCall, recorded_calls, tensors_in
from gantape.inspection.networks import Network
from gantape.inspection.origins import Origins
from gantape.random.rng import RandomStreams
from gantape.steps.cuts import PathOfGradient, handles, path_of_gradient
from gantape.steps.losses import Losses, add_up
from gantape.steps.step import Update
from gantape.types import Batch, Variable

T = TypeVar("T")

_NOT_KEPT = frozenset({"Const", "ReadVariableOp", "Placeholder", "Shape", "ShapeN"})
LOSS = "the loss"


@attrs.frozen(eq=False)
class TracedCall:
    """A call of a network in the graph.

    Args:
        call: The call.
        of: What it was given: "batch", "noise", and "#0" for what the first call returned.
        reached: Whether the gradient of the loss reaches what it computed.
        passes: Whether the gradient goes on to what it was given.
    """

    call: RecordedCall
    of: tuple[str, ...]
    reached: bool
    passes: bool


@attrs.frozen(eq=False)
class TracedUpdate:
    """One update as a graph.

    Args:
        calls: The calls of networks.
        terms: What each term of the loss depends on, as `TracedCall.of`.
        paths: For each called network whose weights get no gradient, where the path ends.
        kept_bytes: Bytes of the tensors that the gradient needs, by the network whose call made them.
        operations: The number of operations of the loss, and of its gradient.
        forward: The operations of the loss.
    """

    calls: list[TracedCall]
    terms: dict[str, tuple[str, ...]]
    paths: dict[str, PathOfGradient]
    kept_bytes: dict[str, int]
    operations: tuple[int, int]
    forward: list[Any]


def trace(
    updates: Sequence[Update], batch: Batch, seed: int, look: Callable[[Update, Batch, RandomStreams], T]
) -> dict[str, T]:
    """Trace all updates, in order, in one graph; nothing is run.

    Args:
        updates: The updates.
        batch: A batch.
        seed: The seed of the random streams.
        look: Computes the loss of an update, and returns what is to be known of it.
    """
    found: dict[str, T] = {}

    def losses(batch: Batch, step: Any) -> None:
        for update in updates:
            found[update.name] = look(update, batch, RandomStreams(seed, step).stream(update.name, 0))

    specs = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype) if tf.is_tensor(leaf) else leaf, batch)
    tf.function(losses).get_concrete_function(specs, tf.TensorSpec([], tf.int64))
    return found


def trace_again(update: Update, batch: Batch, rng: RandomStreams) -> tuple[list[Any], bool]:
    """The operations of a loss, while a graph is traced, and whether Python or NumPy drew random numbers for them."""
    graph: Any = tf.compat.v1.get_default_graph()
    first, before = len(graph.get_operations()), _python_states()
    add_up(list(_terms(update.losses(batch, rng)).values()))
    return graph.get_operations()[first:], _python_states() != before


def trace_update(update: Update, batch: Batch, rng: RandomStreams, networks: Sequence[Network]) -> TracedUpdate:
    """What can be seen in the graph of a loss, while it is traced.

    Args:
        update: The update.
        batch: The batch.
        rng: Its random streams.
        networks: The networks of the task.
    """
    graph: Any = tf.compat.v1.get_default_graph()
    first = len(graph.get_operations())
    with recorded_calls(networks) as record:
        terms = _terms(update.losses(batch, rng))
        total: Any = add_up(list(terms.values()))
    forward = graph.get_operations()[first:]
    made = [forward[call.operations[0] - first : call.operations[1] - first] for call in record.calls]
    origins = Origins.of(forward, tensors_in(batch), made)
    kept, backward = _kept(graph, update, total, forward, record.calls, first)
    given = [_floats(call.inputs) for call in record.calls]
    inside = [_floats([output for operation in several for output in operation.outputs]) for several in made]
    called = {call.network.name: call.network for call in record.calls}
    called |= {network.name: network for network in networks if network.moved_by(update)}
    reads = {name: _reads(graph, network.variables) for name, network in called.items()}
    tensors = [tensor for several in (*given, *inside, *reads.values()) for tensor in several]
    gradients = tf.gradients(total, tensors) if tensors else []
    reached = {tensor.ref() for tensor, gradient in zip(tensors, gradients, strict=True) if gradient is not None}
    without = [name for name, several in reads.items() if not _any(several, reached)]
    return TracedUpdate(
        [
            TracedCall(call, origins.behind(call.inputs), _any(outputs, reached), _any(inputs, reached))
            for call, inputs, outputs in zip(record.calls, given, inside, strict=True)
        ],
        {name: origins.behind([term]) for name, term in terms.items() if tf.is_tensor(term)},
        {name: path_of_gradient(graph, called[name].variables, total) for name in without},
        kept,
        (len(forward), backward),
        forward,
    )


def _kept(
    graph: Any, update: Update, total: Any, forward: Sequence[Any], calls: Sequence[RecordedCall], first: int
) -> tuple[dict[str, int], int]:
    """The bytes that the gradient needs of the loss, by network, and the number of operations of the gradient."""
    begin = len(graph.get_operations())
    reads = _reads(graph, update.trainable_variables)
    if not reads:
        return {}, 0
    tf.gradients(total, reads)
    backward = graph.get_operations()[begin:]
    place = {operation: number for number, operation in enumerate(forward, first)}
    needed = {tensor.ref(): tensor for operation in backward for tensor in operation.inputs if tensor.op in place}
    kept: dict[str, int] = {}
    for tensor in (reference.deref() for reference in needed):
        if tensor.op.type in _NOT_KEPT or not tensor.shape.is_fully_defined():
            continue
        number = place[tensor.op]
        owner = next((call.network.name for call in calls if call.operations[0] <= number < call.operations[1]), LOSS)
        kept[owner] = kept.get(owner, 0) + tensor.shape.num_elements() * tensor.dtype.size
    return kept, len(backward)


def _floats(tensors: Sequence[Any]) -> list[Any]:
    return [tensor for tensor in tensors if tensor.dtype.is_floating]


def _any(tensors: Sequence[Any], reached: Container[Any]) -> bool:
    return any(tensor.ref() in reached for tensor in tensors)


def _reads(graph: Any, variables: Sequence[Variable]) -> list[Any]:
    """The values of variables that the operations of a graph read."""
    reads = [read for placeholder in handles(graph, variables) for read in placeholder.consumers()]
    return _floats([output for read in reads for output in read.outputs])


def _terms(losses: Losses) -> dict[str, Any]:
    return losses.computed() | ({} if losses.added is None else {"added": losses.added})


def _python_states() -> tuple[Any, ...]:
    """The states from which Python and NumPy draw random numbers."""
    state: Any = np.random.get_state()
    return random.getstate(), state[1].tobytes(), state[2:]
