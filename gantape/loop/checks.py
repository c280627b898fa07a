"""Checks of the arguments and data of a loop."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from gantape.callbacks import Callback
from gantape.checkpoints.folder import DATA
from gantape.checkpoints.settings import Checkpoints
from gantape.compiler import StepCompiler
from gantape.data import Batches, Reader
from gantape.distribute.replicas import check_made_in_scope
from gantape.errors import DataError, HyperparameterError, RangeError, RunDirectoryError, ScheduleError, TaskError
from gantape.shapes import describe
from gantape.tasks import Task


def check_data(data: Any, argument: str, needed: int = 0) -> None:
    """Raise a `DataError` unless `data` is a source of batches, and an epoch has enough of them for a step."""
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
    """The error for an epoch with too few batches for a step."""
    return DataError(
        "an epoch has fewer batches than a step reads.",
        where="gantape.Loop.run, argument `data`",
        got=f"{found} batches an epoch, {needed} a step",
        do="use more data, smaller batches, or fewer repeats of an update.",
    )


def check_numbers(batch: Any, where: str) -> None:
    """Raise a `RangeError` unless all floats of a batch are finite.

    Raises:
        RangeError: If one is infinite or not a number.
    """
    for place, leaf in enumerate(tf.nest.flatten(batch)):
        tensor = tf.convert_to_tensor(leaf)
        if tensor.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(tensor))):
            bad = int(tf.math.count_nonzero(~tf.math.is_finite(tensor)))
            raise RangeError(
                "the data holds numbers that are infinite or not a number.",
                where=f"{where}, tensor {place} of the first batch",
                got=f"{bad} of {int(tf.size(tensor))} numbers, {describe(tensor)}",
                do="look for missing values and divisions by zero in the data, and clean it: numpy.isfinite finds them.",
            )


def check_resumable(data: Batches, reader: Reader) -> None:
    """Raise a `DataError` if reading could not be resumed in another process.

    Raises:
        DataError: If so.
    """
    data.check_resumable()
    with tempfile.TemporaryDirectory() as folder:
        reader.save(Path(folder, DATA))


def check_arguments(
    task: Task, compiler: Any, run_dir: Any, callbacks: Any, seed: Any, checkpoints: Any, progress: Any
) -> None:
    """Raise an error unless the arguments of a `Loop` have the right types."""
    if not isinstance(task, Task):
        raise TaskError(
            "a loop trains a task.",
            where="gantape.Loop, argument `task`",
            got=repr(task),
            do="give an instance of your class" + (f": {task.__name__}()." if isinstance(task, type) else "."),
        )
    if not isinstance(compiler, StepCompiler | None):
        raise HyperparameterError(
            "steps are run by a StepCompiler.",
            where="gantape.Loop, argument `compiler`",
            got=repr(compiler),
            do='write gantape.StepCompiler("graph").',
        )
    check_made_in_scope(task.variables, compiler.strategy if compiler else None, "gantape.Loop, argument `task`")
    if not isinstance(run_dir, str | Path | None) or run_dir == "":
        raise RunDirectoryError(
            "a run's directory is a path.",
            where="gantape.Loop, argument `run_dir`",
            got=repr(run_dir),
            do='give "runs/first", say.',
        )
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        callbacks = (callbacks,)
    wrong = [callback for callback in callbacks if not isinstance(callback, Callback)]
    if wrong:
        raise ScheduleError(
            "callbacks are actions with a schedule.",
            where="gantape.Loop, argument `callbacks`",
            got=repr(wrong[0]),
            do="give a list of them, as in [gantape.Callback(action, gantape.every(steps=100))]; for Keras' "
            "[*gantape.callbacks.from_keras(...)].",
        )
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ScheduleError(
            "a seed is a whole number.", where="gantape.Loop, argument `seed`", got=repr(seed), do="give seed=0, say."
        )
    if not isinstance(checkpoints, Checkpoints | None):
        raise ScheduleError(
            "this does not say when checkpoints are saved.",
            where="gantape.Loop, argument `checkpoints`",
            got=repr(checkpoints),
            do="write gantape.Checkpoints(every=gantape.every(seconds=60)), or None for no checkpoints.",
        )
    if not isinstance(progress, bool):
        raise HyperparameterError(
            "progress is shown or not.",
            where="gantape.Loop, argument `progress`",
            got=repr(progress),
            do="give True or False; for a display of your own, callbacks=[gantape.callbacks.show_progress('name')].",
        )
