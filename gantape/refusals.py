"""What a loop refuses before it begins. Follows `recorder`, stands before `loop`."""

from collections.abc import Mapping, Sequence
from typing import Any

from gantape.callbacks import Callback
from gantape.data import Batches
from gantape.errors import DataError, NotFiniteError, ScheduleError, TaskError
from gantape.tasks import Task


def check_data(data: Any, argument: str, needed: int = 0) -> None:
    """Raise a `DataError` unless `data` are batches, of which an epoch has as many as a step needs."""
    if not isinstance(data, Batches):
        raise DataError(
            "a loop works on batches.",
            where=f"gantape.Loop, argument `{argument}`",
            got=type(data).__name__,
            do="wrap it: gantape.data.from_arrays(arrays, batch_size=64) or gantape.data.from_dataset(dataset).",
        )
    known = data.batches_per_epoch
    if known is not None and 0 < known < needed:
        raise too_few_batches(known, needed)


def too_few_batches(found: int, needed: int) -> DataError:
    """The error for an epoch that cannot fill a step."""
    return DataError(
        "an epoch has fewer batches than a step reads.",
        where="gantape.Loop.run, argument `data`",
        got=f"{found} batches an epoch, {needed} a step",
        do="use more data, smaller batches, or fewer repeats of an update.",
    )


def not_finite(values: Mapping[str, float], step: int) -> NotFiniteError:
    """The error for a step, counted from 0, that reported infinite values or no numbers."""
    return NotFiniteError(
        "a loss or a gradient is not finite.",
        where=f"step {step}",
        got=", ".join(f"{name}={value}" for name, value in values.items()),
        do="look at the term that is named, at the data and at the learning rate: a smaller learning rate, or an epsilon under "
        "a root or a logarithm, helps most often.",
    )


def check_arguments(task: Task, callbacks: Sequence[Callback], seed: int) -> None:
    """Raise an error unless the arguments of a `Loop` are of the right kinds."""
    if not isinstance(task, Task):
        raise TaskError(
            "a loop trains a task.",
            where="gantape.Loop, argument `task`",
            got=repr(task),
            do="give an instance of your class" + (f": {task.__name__}()." if isinstance(task, type) else "."),
        )
    wrong = [callback for callback in callbacks if not isinstance(callback, Callback)]
    if wrong:
        raise ScheduleError(
            "callbacks are actions with a schedule.",
            where="gantape.Loop, argument `callbacks`",
            got=repr(wrong[0]),
            do="write gantape.Callback(action, gantape.every(steps=100)); for Keras' *gantape.callbacks.from_keras(...).",
        )
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ScheduleError(
            "a seed is a whole number.", where="gantape.Loop, argument `seed`", got=repr(seed), do="give seed=0, say."
        )
