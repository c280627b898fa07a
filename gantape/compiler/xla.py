"""Operations of a traced step that XLA drops without a word, or cannot compile."""

from collections.abc import Iterator
from typing import Any

from gantape.errors import CompileError
from gantape.steps.lines import line_of_frames

_DROPPED = {
    "Assert": "an assertion, which XLA leaves out",
    "CheckNumerics": "a check for infinities and NaN, which XLA leaves out",
    "Print": "an output of text, which XLA leaves out",
    "PrintV2": "an output of text, which XLA leaves out",
    "PyFunc": "a call of Python (numpy_function), which XLA cannot compile",
    "PyFuncStateless": "a call of Python (numpy_function), which XLA cannot compile",
    "EagerPyFunc": "a call of Python (py_function), which XLA cannot compile",
}


def check_for_xla(graph: Any, mode: str, due: tuple[str, ...]) -> None:
    """Raise a `CompileError` if a line of the user makes an operation that XLA would drop, or cannot compile.

    Assertions that TensorFlow and Keras make for themselves are dropped as in `fit(jit_compile=True)`.

    Args:
        graph: The graph of a traced step.
        mode: The mode of the compiler.
        due: The updates that were traced.

    Raises:
        CompileError: If there is such an operation.
    """
    library = {function.signature.name: function.node_def for function in graph.as_graph_def().library.function}
    for operation in graph.get_operations():
        kind = next((kind for kind in _kinds(operation.node_def, library) if kind in _DROPPED), None)
        if kind is None:
            continue
        line = line_of_frames([(frame.filename, frame.lineno, frame.name) for frame in operation.traceback], innermost=True)
        if line:
            raise CompileError(
                "the step cannot be run by XLA as it is written.",
                where=f"{line}, mode {mode}, updates {', '.join(due)}",
                got=_DROPPED[kind],
                do='use mode="graph", or take this out of the step: the loop itself checks that losses are finite, and a '
                "callback can print and call Python.",
            )


def _kinds(node: Any, library: dict[str, Any], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The kinds of operation that a node runs: its own, and those of the functions that it calls."""
    yield node.op
    for attribute in node.attr.values():
        called = [attribute.func, *attribute.list.func]
        for name in [function.name for function in called if function.name in library and function.name not in seen]:
            for inner in library[name]:
                yield from _kinds(inner, library, seen | {name})
