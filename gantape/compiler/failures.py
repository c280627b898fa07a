"""Errors inside compiled code, explained by the line of user code that caused them."""

import re
import sysconfig
import traceback
from pathlib import Path

from gantape.errors import CompileError, GantapeError

_PACKAGE = Path(__file__).parent.parent
_LIBRARY_FOLDERS = (
    sysconfig.get_paths()["purelib"],
    sysconfig.get_paths()["stdlib"],
    str(_PACKAGE / ""),
    "<",
)
_ZOO = str(_PACKAGE / "zoo")

_ADVICE = (
    (r"'numpy'|numpy\(\)|NumPy array", "a traced tensor has no value yet: stay with TensorFlow operations."),
    (
        r"float\(\) argument|int\(\) argument|__float__|__int__|must be (a )?real number",
        "a traced tensor has no value yet: use tf.cast instead of float() and int(), and read values from the history.",
    ),
    (
        r"variable creation|creat\w+ variables|tf\.Variable|singleton",
        "make all models, optimizers and metrics in build_ methods: no variable may be created inside a step.",
    ),
    (r"(?i)\bxla|jit_compile|uncompilable", 'XLA cannot compile this: use mode="graph".'),
    (r"(?i)incompatible|shape|dimension|rank", "look at the shapes that meet in this line."),
)


def explain_failure(error: Exception, mode: str, due: tuple[str, ...]) -> GantapeError:
    """The gantape error for an exception that was raised while a step was traced, compiled or run.

    AutoGraph (TensorFlow 2.21) wraps a `GantapeError` in an error of its own; it is found in the chain of contexts.

    Args:
        error: The exception.
        mode: The mode of the compiler.
        due: The updates that were compiled.
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
        where=f"{_users_line(error)}, mode {mode}, updates {', '.join(due)}",
        got=f"{type(error).__name__}: {_essence(text)}",
        do=f'{advice} With mode="eager" the same code runs line by line, and a debugger can stop in it.',
    )


def _users_line(error: Exception) -> str:
    """The innermost line outside of libraries, from the traceback in AutoGraph's message or the exception's own."""
    written = re.findall(r'File "([^"]+)", line (\d+), in (\S+)', str(error))
    raised = [(frame.filename, frame.lineno, frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    for frames in (written, raised):
        own = [frame for frame in frames if frame[0].startswith(_ZOO) or not frame[0].startswith(_LIBRARY_FOLDERS)]
        own = [frame for frame in own if "autograph_generated" not in frame[0]]
        if own:
            file, line, function = own[-1]
            return f"{file}:{line}, in {function}"
    return "a step's code"


def _essence(text: str) -> str:
    """The essential sentence of a message of TensorFlow, which puts tracebacks before it and notes after it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "no message"
    if lines[0].startswith("in user code"):
        named = [line for line in lines if re.match(r"\w*(Error|Exception)\b.*: ", line)]
        return named[-1] if named else lines[-1]
    return next((line for line in lines if not line.startswith(("Graph execution error", "Detected at", "File"))), lines[0])
