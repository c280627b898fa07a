"""An assertion that a task resumes exactly."""

import gc
import itertools
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gantape.checkpoints.settings import Checkpoints
from gantape.compiler import StepCompiler
from gantape.data import Batches
from gantape.errors import counted
from gantape.loop import Loop
from gantape.schedule import When, every
from gantape.steps.saved import random_numbers_restored
from gantape.tasks import Task
from gantape.tasks.variables import named_variables
from gantape.types import Row


def assert_resumes_exactly(
    make_task: Callable[[], Task],
    data: Batches | Callable[[], Batches],
    *,
    steps: int,
    stops: Sequence[int],
    compiler: StepCompiler | None = None,
    record: When | None = None,
) -> None:
    """Raise an `AssertionError` unless a run that is stopped and resumed ends like one without stops, bit for bit.

    It compares every variable that `make_task` creates, whether a part holds it or not, and the history except for its seconds.
    Both runs begin with the same values; the tasks of resumed runs are made with another random seed. A task with state outside
    of its parts, such as a counter in Python, does not pass.

    ```python
    def test_my_task_resumes():
        assert_resumes_exactly(lambda: MyTask(), data, steps=30, stops=(7, 20))
    ```

    Args:
        make_task: Makes a new task on each call.
        data: The training data; for a `tf.data.Dataset`, a function that makes it on each call.
        steps: Steps of the whole run.
        stops: The steps after which the run is stopped and resumed with new objects.
        compiler: How steps are run.
        record: When rows are recorded, as for `Loop.run`.

    Raises:
        AssertionError: With the names of what differs.
    """

    def batches() -> Batches:
        if isinstance(data, Batches):
            return data
        keras.utils.set_random_seed(0)  # the seeds of a dataset without its own
        return data()

    with random_numbers_restored(), tempfile.TemporaryDirectory() as folder:
        (whole, of_whole), (part, made) = _made(make_task, seed=0), _made(make_task, seed=0)
        for one, other in _pairs(of_whole, made):
            other.assign(one)
        runs = Path(folder)
        settings = Checkpoints(every=every(seconds=1e9))
        uninterrupted = Loop(whole, compiler=compiler, run_dir=runs / "whole", checkpoints=settings, progress=False)
        uninterrupted.run(batches(), steps=steps, record=record)
        loop = Loop(part, compiler=compiler, run_dir=runs / "parts", checkpoints=settings, progress=False)
        for place, (start, stop) in enumerate(itertools.pairwise([0, *sorted(stops), steps])):
            if place:
                task, made = _made(make_task, seed=place)
                loop = Loop.resume(runs / "parts", task, checkpoints=settings, progress=False)
            loop.run(batches(), steps=stop - start, record=record)

    differing = _differences(of_whole, made) + _differences_by_name(whole, loop.task)
    differing += ["history"] if _timeless(uninterrupted.history.rows) != _timeless(loop.history.rows) else []
    if differing:
        raise AssertionError(
            f"{type(whole).__name__} does not resume exactly: after {counted(steps, 'step')}, stopped at {list(stops)}, "
            f"these differ: {', '.join(dict.fromkeys(differing))}"
        )


def _made(make_task: Callable[[], Task], seed: int) -> tuple[Task, list[Any]]:
    """A task, and weak references to the variables of TensorFlow that were created with it, in order.

    They are noted when TensorFlow creates them, so that they do not depend on what is found in the task.
    """
    created: list[Any] = []

    def note(create: Callable[..., Any], **options: Any) -> Any:
        variable = create(**options)
        created.append(weakref.ref(variable))
        return variable

    keras.utils.set_random_seed(seed)
    keras.random.uniform(())  # creates Keras' global seed, which belongs to no task
    with tf.variable_creator_scope(note):
        task = make_task()
    gc.collect()
    return task, [variable for variable in created if variable() is not None]


def _differences(one: Sequence[Any], other: Sequence[Any]) -> list[str]:
    return [a.name for a, b in _pairs(one, other) if not _equal(a, b)]


def _pairs(one: Sequence[Any], other: Sequence[Any]) -> list[tuple[Any, Any]]:
    """The variables of two tasks that still exist, in order of creation; none if some were created only once, to be shared."""
    pairs = [(a(), b()) for a, b in zip(one, other, strict=True)] if len(one) == len(other) else []
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def _differences_by_name(one: Task, other: Task) -> list[str]:
    """The names of variables that differ, or that one of the tasks does not have; those made in the run are among them."""
    ours, theirs = named_variables(one), named_variables(other)
    return [
        name
        for name in dict.fromkeys([*ours, *theirs])
        if name not in ours or name not in theirs or not _equal(ours[name], theirs[name])
    ]


def _equal(one: Any, other: Any) -> bool:
    return np.array_equal(np.asarray(one.numpy()), np.asarray(other.numpy()), equal_nan=False)


def _timeless(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
