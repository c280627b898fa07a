"""The line of a user's code that made an operation or raised an error."""

import re
import sys
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import tensorflow as tf

PACKAGE = Path(__file__).parent.parent
SITE = sysconfig.get_paths()["purelib"]
_LIBRARY_FOLDERS = (SITE, sysconfig.get_paths()["stdlib"], str(PACKAGE / ""), "<")
_TENSORFLOW = str(Path(tf.__file__).parent)
_ZOO = str(PACKAGE / "zoo")

Frame: TypeAlias = tuple[str, int | str, str]
"""File, line and function."""


def frames_below_gantape(frames: Sequence[Frame]) -> Sequence[Frame]:
    """The frames below gantape's own: a line that calls the loop is not the line that fails."""
    own = [frame[0].startswith(str(PACKAGE)) and not frame[0].startswith(_ZOO) for frame in frames]
    place = own.index(True) if any(own) else -1
    return frames[place + 1 :]


def line_of_frames(frames: Sequence[Frame], *, innermost: bool = False) -> str:
    """The innermost line of user code among the frames of a traceback, as text; an empty text if there is none.

    Args:
        frames: File, line and function of each frame.
        innermost: Whether only the line that calls TensorFlow counts; it may be that of another library.
    """
    for file, number, function in reversed(frames):
        if Path("/", file).is_file():
            file = f"/{file.lstrip('/')}"  # XLA leaves the first slash out
        if "autograph_generated" in file or file.startswith("<"):
            continue
        if file.startswith(_ZOO) or not file.startswith(_LIBRARY_FOLDERS):
            return f"{file}:{number}, in {'a lambda' if function in ('None', None) else function}"
        if innermost and not file.startswith(_TENSORFLOW):
            return ""
    return ""


def line_of_call() -> str:
    """The line of user code, below gantape's own, from which this is called; an empty text if there is none."""
    frames = [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in traceback.walk_stack(sys._getframe(1))]
    return line_of_frames(frames_below_gantape(frames[::-1]))


def line_of_operation(operation: Any, *, innermost: bool = False) -> str:
    """The line of user code, below gantape's own, that made an operation of a graph; an empty text if there is none."""
    frames = [(frame.filename, frame.lineno, frame.name) for frame in operation.traceback or ()]
    return line_of_frames(frames_below_gantape(frames), innermost=innermost)


def line_of_error(error: BaseException) -> str:
    """The line of user code, below gantape's own, that raised an error; an empty text if there is none.

    AutoGraph writes the frames into the message of the error; else they are in its traceback.
    """
    written = re.findall(r'File "([^"]+)", line (\d+), in (\S+)', str(error))
    raised = [(frame.filename, frame.lineno or 0, frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    return line_of_frames(frames_below_gantape(written)) or line_of_frames(frames_below_gantape(raised))
