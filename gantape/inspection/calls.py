"""The calls of networks while a loss is computed."""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import tensorflow as tf

from gantape._tensorflow import layer_calls
from gantape.inspection.networks import Network


@attrs.frozen(eq=False)
class RecordedCall:
    """A call of a network, not from inside of another network.

    Args:
        network: The network.
        training: What `training` was said to be; `None` if it was not said.
        arguments: The positional arguments.
        keywords: The arguments by name, without `training`.
        outputs: What the call returned.
        operations: The number of operations in the graph before and after the call; zeros in eager mode.
    """

    network: Network
    training: Any
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    outputs: Any
    operations: tuple[int, int]

    @property
    def inputs(self) -> list[Any]:
        """The tensors that the network was given."""
        return tensors_in((self.arguments, self.keywords))


@attrs.frozen(eq=False)
class CallRecord:
    """What was called while a loss was computed.

    Args:
        calls: The calls of networks, in order.
        phases: Each call of a layer in a network: the network, the layer, and the value of `training` that it saw.
    """

    calls: list[RecordedCall] = attrs.field(factory=list)
    phases: list[tuple[Network, Any, Any]] = attrs.field(factory=list)


@contextlib.contextmanager
def recorded_calls(networks: Sequence[Network]) -> Iterator[CallRecord]:
    """A context that records the calls of networks and of the layers in them."""
    known = {id(network.model): network for network in networks if network.model is not None}
    record = CallRecord()
    open_calls: list[tuple[Network | None, Any]] = []

    def around(layer: Any, call: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        network, phase = open_calls[-1] if open_calls else (None, None)
        outermost = network is None and id(layer) in known
        network = known[id(layer)] if outermost else network
        said = keywords.get("training")
        phase = next((value for value in (said, phase, _default(layer)) if value is not None), None)
        if network is not None:
            record.phases.append((network, layer, phase))
        before = _count()
        open_calls.append((network, phase))
        try:
            outputs = call(*arguments, **keywords)
        finally:
            open_calls.pop()
        if outermost and network is not None:
            others = {name: value for name, value in keywords.items() if name != "training"}
            record.calls.append(RecordedCall(network, phase, arguments, others, outputs, (before, _count())))
        return outputs

    with layer_calls(around):
        yield record


def tensors_in(structure: Any) -> list[Any]:
    """The tensors in a structure."""
    return [leaf for leaf in tf.nest.flatten(structure, expand_composites=True) if tf.is_tensor(leaf)]


def _default(layer: Any) -> Any:
    parameter = inspect.signature(layer.call).parameters.get("training")
    return None if parameter is None or parameter.default is inspect.Parameter.empty else parameter.default


def _count() -> int:
    return 0 if tf.executing_eagerly() else len(tf.compat.v1.get_default_graph().get_operations())
