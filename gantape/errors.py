"""Every exception that gantape raises on purpose.

    GantapeError
    ├── BackendError           Keras runs on another backend than TensorFlow
    ├── HyperparameterError    a field of a task, loss or penalty has a wrong name, type or value
    ├── TaskError              a task declares parts or updates that cannot be trained
    ├── TensorError
    │   ├── ShapeError         a tensor does not have the expected axes
    │   ├── DtypeError         a tensor has the wrong dtype
    │   └── RangeError         a tensor's values are out of range
    ├── LossError              a loss does not return named scalars
    ├── GradientError          a variable to be updated gets no gradient
    ├── NotFiniteError         a loss or a gradient is infinite or not a number
    ├── MetricError            a metric is unknown, used twice, or given the wrong arguments
    ├── DataError              a source of batches cannot be used
    │   └── DataNotFoundError  a data set is neither on disk nor available elsewhere
    ├── ExportError            a model cannot be written for another runtime, or computes something else there
    ├── ScheduleError          a schedule or the length of a run is invalid
    ├── CompileError           the task's code cannot be compiled in this mode
    │   └── RetraceError       a step was traced more often than allowed
    ├── EjectError             a task cannot be written out as a loop by hand
    ├── ModesError             modes compute something else, which `gantape.testing.assert_modes_agree` denies
    ├── TrackerError           a run cannot be sent to a tracking service
    ├── RunDirectoryError      a run's directory cannot be written or read
    │   └── ResumeError        a run is resumed with something other than it began with
    └── WorkerLostError        another worker of the same run has ended

Each says what is wrong, where, what was received, and how to fix it. A `GantapeWarning` says the same of what is probably not
meant, and does not end anything.
"""

import functools
import re
import warnings
from collections.abc import Sequence
from typing import Any

MOST_CHARACTERS = 1400
"""The longest message of an error; what is longer is cut in the middle of its longest part."""


class GantapeError(Exception):
    """The base class of all errors that gantape raises on purpose.

    A message has about 1,400 characters at most: longer parts are cut in the middle.

    Args:
        what: The problem, in one sentence.
        where: The class, method or argument in which it was found.
        got: The value that was received.
        do: How to fix it.
    """

    def __init__(self, what: str, *, where: str, got: str, do: str) -> None:
        what, where, got, do = _shortened(what, where, got, do)
        super().__init__(_text(what, where, got, do))
        self.what = what
        self.where = where
        self.got = got
        self.do = do

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        """Keep the four parts in copies and pickles."""
        return functools.partial(type(self), self.what, where=self.where, got=self.got, do=self.do), ()


class GantapeWarning(UserWarning):
    """Something is allowed, and probably not what is meant."""


class BackendError(GantapeError):
    """Keras runs on another backend than TensorFlow."""


class HyperparameterError(GantapeError):
    """A field of a task, loss or penalty has a wrong name, type or value."""


class TaskError(GantapeError):
    """A task declares parts or updates that cannot be trained."""


class TensorError(GantapeError):
    """A tensor has the wrong shape, dtype or values."""


class ShapeError(TensorError):
    """A tensor does not have the expected axes."""


class DtypeError(TensorError):
    """A tensor has the wrong dtype."""


class RangeError(TensorError):
    """A tensor's values are out of range."""


class LossError(GantapeError):
    """A loss does not return named scalars."""


class GradientError(GantapeError):
    """A variable to be updated gets no gradient."""


class NotFiniteError(GantapeError):
    """A loss or a gradient is infinite or not a number."""


class MetricError(GantapeError):
    """A metric is unknown, used twice, or given the wrong arguments."""


class DataError(GantapeError):
    """A source of batches cannot be used."""


class DataNotFoundError(DataError):
    """A data set is neither on disk nor available elsewhere."""


class ExportError(GantapeError):
    """A model cannot be written for another runtime, or computes something else there."""


class ScheduleError(GantapeError):
    """A schedule or the length of a run is invalid."""


class CompileError(GantapeError):
    """The task's code cannot be compiled in this mode."""


class RetraceError(CompileError):
    """A step was traced more often than allowed."""


class EjectError(GantapeError):
    """A task cannot be written out as a loop by hand."""


class ModesError(GantapeError, AssertionError):
    """Modes differ by more than rounding explains."""


class TrackerError(GantapeError):
    """A run cannot be sent to a tracking service."""


class RunDirectoryError(GantapeError):
    """A run's directory cannot be written or read."""


class ResumeError(RunDirectoryError):
    """A run is resumed with something other than it began with."""


class WorkerLostError(GantapeError):
    """Another worker of the same run has ended."""


def warn(what: str, *, where: str, got: str, do: str) -> None:
    """Give a `GantapeWarning`. The arguments are those of a `GantapeError`."""
    warnings.warn(_text(what, where, got, do), GantapeWarning, stacklevel=3)


def _text(what: str, where: str, got: str, do: str) -> str:
    return f"{what}\n  where:  {where}\n  got:    {got}\n  do:     {do}"


def summary(error: Exception) -> str:
    """The class of another library's error and the essential line of its message, for `got`.

    Keras puts a coloured line with the name of the failing layer before it.
    """
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith("Exception encountered when calling")]
    return f"{type(error).__name__}: {telling[0]}" if telling else type(error).__name__


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first of several names, and how many more there are, for `got`."""
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(count: int, noun: str) -> str:
    """A number with its noun, which is plural unless the number is one: "1 batch", "1,797 examples"."""
    plural = f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _shortened(*parts: str) -> list[str]:
    """The parts of a message, the longest cut to one length so that all fit."""
    left, most = MOST_CHARACTERS, MOST_CHARACTERS
    for place, length in enumerate(sorted(map(len, parts))):
        share = left // (len(parts) - place)
        if length > share:
            most = share
            break
        left -= length
    return [part if len(part) <= most else _cut(part, most) for part in parts]


def _cut(text: str, most: int) -> str:
    gap = f" ... ({len(text):,} characters) ... "
    kept = most - len(gap)
    return text[: kept - kept // 2] + gap + text[len(text) - kept // 2 :]
