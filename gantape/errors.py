"""Every exception that gantape raises on purpose.

    GantapeError
    ├── BackendError           Keras runs on another backend than TensorFlow
    ├── HyperparameterError    a field of a task, loss or penalty has a wrong name, type or value
    ├── TaskError              a task declares parts or updates that cannot be trained
    ├── TensorError
    │   ├── ShapeError         a tensor does not have the axes that are asked for
    │   ├── DtypeError         a tensor has the wrong type of number
    │   └── RangeError         a tensor's values lie where they cannot be right
    ├── LossError              what a loss returned is not a set of named scalars
    ├── GradientError          a variable that is to be moved gets no gradient
    ├── NotFiniteError         a loss or a gradient is infinite or not a number
    ├── MetricError            a metric is unknown, doubled, or given the wrong arguments
    ├── DataError              a source of batches cannot be used
    │   └── DataNotFoundError  a data set is neither on disk nor to be had
    ├── ScheduleError          a moment, an interval or a rule for stopping makes no sense
    ├── CompileError           the task's code cannot be compiled in this mode
    │   └── RetraceError       a step was traced more often than allowed
    ├── RunDirectoryError      a run's directory cannot be written or read
    │   └── ResumeError        a run is to go on with something else than it began with
    └── WorkerLostError        another worker of the same run has ended

Each says what is wrong, where, what it got and what to do about it.
"""

import functools
import re
from typing import Any


class GantapeError(Exception):
    """A mistake that gantape can explain.

    Args:
        what: What is wrong, one sentence.
        where: The class, method or argument in which it was seen.
        got: What was received instead.
        do: What to do about it.
    """

    def __init__(self, what: str, *, where: str, got: str, do: str) -> None:
        super().__init__(f"{what}\n  where:  {where}\n  got:    {got}\n  do:     {do}")
        self.what = what
        self.where = where
        self.got = got
        self.do = do

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        """Copies, pickles and other processes keep the four parts."""
        return functools.partial(type(self), self.what, where=self.where, got=self.got, do=self.do), ()


class BackendError(GantapeError):
    """Keras runs on another backend than TensorFlow."""


class HyperparameterError(GantapeError):
    """A field of a task, loss or penalty has a wrong name, type or value."""


class TaskError(GantapeError):
    """A task declares parts or updates that cannot be trained."""


class TensorError(GantapeError):
    """A tensor is not what it has to be."""


class ShapeError(TensorError):
    """A tensor does not have the axes that are asked for."""


class DtypeError(TensorError):
    """A tensor has the wrong type of number."""


class RangeError(TensorError):
    """A tensor's values lie where they cannot be right."""


class LossError(GantapeError):
    """What a loss returned is not a set of named scalars."""


class GradientError(GantapeError):
    """A variable that is to be moved gets no gradient."""


class NotFiniteError(GantapeError):
    """A loss or a gradient is infinite or not a number."""


class MetricError(GantapeError):
    """A metric is unknown, doubled, or given the wrong arguments."""


class DataError(GantapeError):
    """A source of batches cannot be used."""


class DataNotFoundError(DataError):
    """A data set is neither on disk nor to be had."""


class ScheduleError(GantapeError):
    """A moment, an interval or a rule for stopping makes no sense."""


class CompileError(GantapeError):
    """The task's code cannot be compiled in this mode."""


class RetraceError(CompileError):
    """A step was traced more often than allowed."""


class RunDirectoryError(GantapeError):
    """A run's directory cannot be written or read."""


class ResumeError(RunDirectoryError):
    """A run is to go on with something else than it began with."""


class WorkerLostError(GantapeError):
    """Another worker of the same run has ended."""


def summary(error: Exception) -> str:
    """The name of another library's error and the line of its message that says what is wrong, as `got` quotes them.

    Keras puts the name of the failing layer before that line, and colours it.
    """
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith("Exception encountered when calling")]
    return f"{type(error).__name__}: {telling[0]}" if telling else type(error).__name__
