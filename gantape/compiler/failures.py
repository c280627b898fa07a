"""Errors inside compiled code, explained by the line of user code that caused them."""

import itertools
import re
import traceback
from pathlib import Path
from typing import Any

from gantape.errors import CompileError, GantapeError
from gantape.steps.lines import PACKAGE, SITE, line_of_error, line_of_frames

_LONGEST_LINE = 600

_ADVICE = (
    (r"'numpy'|numpy\(\)|NumPy array", "a traced tensor has no value yet: stay with TensorFlow operations."),
    (
        r"float\(\) argument|int\(\) argument|__float__|__int__|must be (a )?real number",
        "a traced tensor has no value yet: use tf.cast instead of float() and int(), and read values from the history.",
    ),
    (
        r"NoneType|None values",
        "a value is None: tape.gradient returns None for a tensor that its tape does not watch, so call tape.watch(tensor) "
        "first; a function without `return` does, too.",
    ),
    (
        r"variable creation|creat\w+ variables|tf\.Variable|singleton",
        "make all models, optimizers and metrics in build_ methods: no variable may be created inside a step.",
    ),
    (
        r"float32 .*match type b?float16|float16 .*match type float32|types \[.*float16.*\] that don't all match",
        "numbers of 16 and of 32 bits meet in this line: cast what a model returns, gantape.losses.upcast(self.model(batch)).",
    ),
    (r"(?i)\bxla|jit_compile|uncompilable", 'XLA cannot compile this: use mode="graph".'),
    (r"(?i)incompatible|shape|dimension|rank", "look at the shapes that meet in this line."),
)


def explain_failure(error: Exception, mode: str, due: tuple[str, ...], graph: Any = None) -> GantapeError:
    """The gantape error for an exception that was raised while a step was traced, compiled or run.

    AutoGraph (TensorFlow 2.21) wraps a `GantapeError` in an error of its own; it is found in the chain of contexts.

    Args:
        error: The exception.
        mode: The mode of the compiler.
        due: The updates that were compiled.
        graph: The graph of the traced step, in which the operation that failed is looked up.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, GantapeError):
            return cause.with_traceback(None)
        cause = cause.__context__
    text = str(error)
    advice = next((advice for pattern, advice in _ADVICE if re.search(pattern, text)), "fix the line that is named.")
    return CompileError(
        "the step cannot be run.",
        where=f"{_line_of_node(text, graph) or _users_line(error)}, mode {mode}, updates {', '.join(due)}",
        got=f"{type(error).__name__}: {_essence(text)}",
        do=f'{advice} With mode="eager" the same code runs line by line, and a debugger can stop in it.',
    )


def _users_line(error: Exception) -> str:
    """The innermost line outside of libraries, from the traceback in a message or the exception; else what raised it."""
    line = line_of_error(error)
    if line:
        return line
    written = re.findall(r'File "([^"]+)", line (\d+), in (\S+)', str(error))
    raised = [(frame.filename, frame.lineno or 0, frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    ends = [frame for frame in [*raised, *written] if not frame[0].startswith(str(PACKAGE)) and "autograph" not in frame[0]]
    ends = [frame for frame in ends if frame[2] != "error_handler"]  # the wrapper of Keras and TensorFlow around everything
    return "no line of your own code" + (f", but {ends[-1][2]} of {_library(ends[-1][0])}" if ends else "")


def _line_of_node(text: str, graph: Any) -> str:
    """The line of user code that made the operation that a message names, if it is one of the step's own."""
    named = re.findall(r"{{node ([^}/]+)", text) if graph is not None else []
    operations = [operation for operation in graph.get_operations() if operation.name in named] if named else []
    lines = [line_of_frames([(frame.filename, frame.lineno, frame.name) for frame in made.traceback]) for made in operations]
    return next(filter(None, lines), "")


def _library(file: str) -> str:
    """The name of the package that a file belongs to."""
    place = Path(file)
    return place.relative_to(SITE).parts[0] if place.is_relative_to(SITE) else place.stem


def _essence(text: str) -> str:
    """The essential sentence of a message of TensorFlow, which puts tracebacks before it and notes after it."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip()[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if line != "<stack traces unavailable>"]
    # Keras names the layer in a line of its own, and the problem in the next.
    lines = [
        f"{line} {after}" if "Exception encountered when calling" in line else line
        for line, after in itertools.zip_longest(lines, lines[1:], fillvalue="")
    ]
    if not lines:
        return "no message"
    if lines[0].startswith("in user code"):
        named = [line for line in lines if re.match(r"\w*(Error|Exception)\b.*: ", line)]
        return named[-1] if named else lines[-1]
    return next((line for line in lines if not line.startswith(("Graph execution error", "Detected at", "File"))), lines[0])
