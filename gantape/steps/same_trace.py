"""Whether two traces of a step compute the same."""

from collections import Counter
from collections.abc import Iterable
from typing import Any


def same_trace(one: Any, other: Any) -> bool:
    """Whether two traced functions compute the same: the same operations and constants, under whatever names.

    Args:
        one: A traced function.
        other: Another trace of the same code.
    """
    return _bodies(one) == _bodies(other)


def _bodies(traced: Any) -> Counter[tuple[Any, ...]]:
    definition = traced.graph.as_graph_def()
    functions = (function.node_def for function in definition.library.function)
    return Counter(tuple(_facts(nodes)) for nodes in (definition.node, *functions))


def _facts(nodes: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    """The operations of a graph. TensorFlow numbers the functions of a process, so that their names are left out."""
    for node in nodes:
        attributes = [(name, node.attr[name]) for name in sorted(node.attr) if not name.startswith("_")]
        kept = [
            (name, value.SerializeToString(deterministic=True))
            for name, value in attributes
            if not value.func.name and not value.list.func
        ]
        yield node.op, node.name, *node.input, *kept
