"""Whether two traces of a step compute the same."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf


def same_trace(one: Any, other: Any) -> bool:
    """Whether two traced functions compute the same: the same operations, constants and arrays, under whatever names.

    Args:
        one: A traced function.
        other: Another trace of the same code.
    """
    return _bodies(one) == _bodies(other) and _arrays(one) == _arrays(other)


def _bodies(traced: Any) -> Counter[tuple[Any, ...]]:
    definition = traced.graph.as_graph_def()
    outside = {inside.op.name: f"outside {place}" for place, (_, inside) in enumerate(traced.graph.captures)}
    functions = (function.node_def for function in definition.library.function)
    return Counter(tuple(_facts(nodes, outside)) for nodes in (definition.node, *functions))


def _arrays(traced: Any) -> list[tuple[str, bytes]]:
    """The tensors from outside, which are no constants of the graph if they are large."""
    outside = [tensor for tensor, _ in traced.graph.captures if tensor.dtype not in (tf.resource, tf.variant, tf.string)]
    return [(str(tensor.dtype), tensor.numpy().tobytes()) for tensor in outside]


def _facts(nodes: Iterable[Any], outside: Mapping[str, str]) -> Iterable[tuple[Any, ...]]:
    """The operations of a graph.

    TensorFlow numbers the functions of a process and the tensors from outside, so that their names are left out.
    """
    for node in nodes:
        attributes = [(name, node.attr[name]) for name in sorted(node.attr) if not name.startswith("_")]
        kept = [
            (name, value.SerializeToString(deterministic=True))
            for name, value in attributes
            if not value.func.name and not value.list.func
        ]
        names = [outside.get(name, name) for name in (node.name, *node.input)]
        yield node.op, *names, *kept
