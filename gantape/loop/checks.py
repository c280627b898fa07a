"""Checks of the arguments and data of a loop."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from loguru import logger

from gantape.callbacks import Callback
from gantape.checkpoints.folder import DATA
from gantape.checkpoints.settings import Checkpoints
from gantape.compiler import StepCompiler
from gantape.compiler.programs import MODES
from gantape.data import Batches, BatchStack, Reader
from gantape.data.conversion import source_for
from gantape.distribute.replicas import check_made_in_scope
from gantape.errors import DataError, HyperparameterError, RangeError, RunDirectoryError, ScheduleError, TaskError, counted
from gantape.shapes import describe
from gantape.state import RunState
from gantape.tasks import Task


def check_data(data: Any, argument: str, needed: int = 0) -> None:
    """Raise a `DataError` unless `data` is a source of batches, and an epoch has enough of them for a step."""
    if not isinstance(data, Batches):
        raise DataError(
            "a loop works on batches.",
            where=f"gantape.Loop, argument `{argument}`",
            got=type(data).__name__,
            do=source_for(data),
        )
    known = data.batches_per_epoch
    if known is not None and 0 < known < needed:
        raise too_few_batches(known, needed)


def check_ends(data: Any, argument: str) -> None:
    """Raise a `DataError` if `data` is not a source of batches, or a pass over it never ends."""
    check_data(data, argument)
    if data.endless:
        raise DataError(
            "a pass over this data never ends.",
            where=f"gantape.Loop, argument `{argument}`",
            got=f"{type(data).__name__} without an end, as dataset.repeat() makes it",
            do="give batches_per_epoch=100, say, where the source is made; or train for steps= or minutes=, and evaluate on "
            "data that ends.",
        )


def check_epochs(data: Batches, epochs: int | None, callbacks: Sequence[Callback]) -> None:
    """Raise an error if a run is to do epochs, or call callbacks at their ends, on data that has none.

    Raises:
        DataError: If the run would never end.
        ScheduleError: If a callback would never be called.
    """
    check_data(data, "data")
    if epochs is not None:
        check_ends(data, "data")
        if data.endless is None:
            logger.info("{} does not say where it ends: an epoch goes on until it does.", type(data).__name__)
    if not data.endless:
        return
    first, late = RunState(), RunState(step=2**62, examples=2**62, updates=2**62, seconds=1e18, ended=True)
    waiting = [callback for callback in callbacks if not (callback.when.due(None, first) or callback.when.due(first, late))]
    if waiting:
        raise ScheduleError(
            "a callback is due at ends of epochs, which this data does not have.",
            where="gantape.Loop, argument `callbacks`",
            got=f"{waiting[0]}, on a {type(data).__name__} without an end",
            do="give batches_per_epoch=100, say, where the source is made; or gantape.every(steps=100) to the callback.",
        )


def check_fills_steps(stack: BatchStack, batches_per_step: int, *, first: bool) -> None:
    """Raise a `DataError` unless batches that were read are those of whole steps, or end an epoch.

    Args:
        stack: The batches.
        batches_per_step: The number of batches that a step needs.
        first: Whether they are the first of an epoch.
    """
    if stack.ends_epoch:
        if first and stack.count < batches_per_step:
            raise too_few_batches(stack.count, batches_per_step)
    elif stack.count % batches_per_step:
        raise DataError(
            "the batches of one step differ in shape.",
            where="gantape.Loop.run, argument `data`",
            got=f"{counted(stack.count, 'batch')} of one shape, where a step reads {batches_per_step}",
            do="give all batches one shape, as dataset.batch(batch_size, drop_remainder=True) does for examples of one shape; "
            "or let a step read one batch, without repeats of an update and accumulated gradients.",
        )


def too_few_batches(found: int, needed: int) -> DataError:
    """The error for an epoch with too few batches for a step."""
    return DataError(
        "an epoch has fewer batches than a step reads.",
        where="gantape.Loop.run, argument `data`",
        got=f"{counted(found, 'batch')} an epoch, {needed} a step",
        do="use more data, smaller batches, or fewer repeats of an update.",
    )


def check_numbers(batch: Any, where: str) -> None:
    """Raise a `RangeError` unless all floats of a batch are finite.

    Raises:
        RangeError: If one is infinite or not a number.
    """
    for place, leaf in enumerate(tf.nest.flatten(batch, expand_composites=True)):
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


def check_certified(steps: Any, modes: Any, compiler: StepCompiler) -> None:
    """Raise a `HyperparameterError` unless these are a number of steps and modes that can be compared on one device."""
    known = isinstance(modes, Sequence) and not isinstance(modes, str) and all(mode in MODES for mode in modes)
    if not known or len(set(modes)) < max(2, len(modes)):
        raise HyperparameterError(
            "a certificate compares two modes or more.",
            where="gantape.Loop.certify, argument `modes`",
            got=repr(modes),
            do=f"give some of {', '.join(MODES)}, each once.",
        )
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise HyperparameterError(
            "a number of steps is at least one.",
            where="gantape.Loop.certify, argument `steps`",
            got=repr(steps),
            do="give steps=3, say.",
        )
    if compiler.strategy is not None:
        raise HyperparameterError(
            "a certificate compares modes on one device.",
            where="gantape.Loop.certify",
            got=f"a compiler with a {type(compiler.strategy).__name__}",
            do="make the task and the loop without a strategy: on one device they compute the same training.",
        )


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
