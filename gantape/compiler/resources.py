"""The variables and tables that a step uses, wherever they were made, and the random numbers that TensorFlow draws in it."""

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import tensorflow as tf

from gantape._tensorflow import operations
from gantape.steps.lines import line_of_call

_TABLE = "LookupTable"
_CHANGES = ("LookupTableInsertV2", "LookupTableRemoveV2")


@attrs.frozen(eq=False)
class Resource:
    """A variable or a table that a step uses.

    Args:
        handle: Its handle in TensorFlow.
        name: Its name, or the operation and the line that use it.
    """

    handle: Any
    name: str


class Usage:
    """What a step uses that lasts from step to step.

    Args:
        traced: The traced step; `None` for one that runs eagerly.
    """

    def __init__(self, traced: Any = None) -> None:
        self._traced = traced
        self._observed: list[Resource] | None = None

    @property
    def resources(self) -> Sequence[Resource]:
        """The variables that it reads or writes, and the tables that it changes."""
        if self._traced is None:
            return self._observed or []
        graph = self._traced.graph
        definition = graph.as_graph_def()
        changed = _changed_inputs(
            definition.node, {function.signature.name: function for function in definition.library.function}
        )
        tables = [outside for outside, inside in graph.captures if inside.op.name in changed]
        variables = [Resource(variable.handle, variable.name) for variable in self._traced.variables]
        return variables + [Resource(table, "a hash table") for table in tables]

    @functools.cached_property
    def draws(self) -> Sequence[str]:
        """The kinds of its operations that draw random numbers from a state of TensorFlow's own; none of an eager step."""
        if self._traced is None:
            return ()
        definition = self._traced.graph.as_graph_def()
        nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
        return sorted({node.op for node in nodes if "seed2" in node.attr and "Dataset" not in node.op})

    @contextlib.contextmanager
    def observed(self) -> Iterator[None]:
        """A context in which a step runs eagerly, in this thread. The first one is observed."""
        if self._observed is not None:
            yield
            return
        found: dict[int, Resource] = {}

        def follow(kind: str, inputs: Any, _: Any) -> None:
            if kind.startswith(_TABLE) and kind not in _CHANGES:
                return
            for tensor in inputs:
                if tensor.dtype == tf.resource and id(tensor) not in found:
                    line = line_of_call()
                    found[id(tensor)] = Resource(tensor, f"{kind} in {line}" if line else kind)

        with operations(follow):
            yield
        self._observed = list(found.values())


def _changed_inputs(nodes: Iterable[Any], functions: Mapping[str, Any]) -> set[str]:
    """The names of what is changed as a table by the nodes of a graph, in its branches and loops too."""
    changed: set[str] = set()
    for node in nodes:
        inputs = [name.partition(":")[0] for name in node.input if not name.startswith("^")]
        if node.op in _CHANGES:
            changed.add(inputs[0])
        called = [one for attribute in node.attr.values() for one in (attribute.func, *attribute.list.func)]
        for function in [functions[one.name] for one in called if one.name in functions]:
            arguments = [argument.name for argument in function.signature.input_arg]
            # A branch has all inputs of its node but the first, which is the condition.
            passed = dict(zip(arguments, inputs[-len(arguments) :] if arguments else [], strict=False))
            changed |= {passed[name] for name in _changed_inputs(function.node_def, functions) if name in passed}
    return changed
