"""An assertion that a task resumes exactly."""

import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gantape.checkpoints.settings import Checkpoints
from gantape.compiler import StepCompiler
from gantape.data import Batches
from gantape.loop import Loop
from gantape.schedule import When, every
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

    It compares all variables, and the history except for its seconds. A task with state outside of its parts, such as a counter
    in Python, does not pass.

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
    whole, part = make_task(), make_task()
    for one, other in zip(named_variables(whole).values(), named_variables(part).values(), strict=True):
        other.assign(one.value)

    def batches() -> Batches:
        return data if isinstance(data, Batches) else data()

    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        settings = Checkpoints(every=every(seconds=1e9))
        uninterrupted = Loop(whole, compiler=compiler, run_dir=runs / "whole", checkpoints=settings, progress=False)
        uninterrupted.run(batches(), steps=steps, record=record)
        loop = Loop(part, compiler=compiler, run_dir=runs / "parts", checkpoints=settings, progress=False)
        for place, (start, stop) in enumerate(itertools.pairwise([0, *sorted(stops), steps])):
            if place:
                loop = Loop.resume(runs / "parts", make_task(), checkpoints=settings, progress=False)
            loop.run(batches(), steps=stop - start, record=record)

    differing = [
        name
        for (name, one), other in zip(named_variables(whole).items(), named_variables(loop.task).values(), strict=True)
        if not np.array_equal(np.asarray(one.numpy()), np.asarray(other.numpy()), equal_nan=False)
    ]
    differing += ["history"] if _timeless(uninterrupted.history.rows) != _timeless(loop.history.rows) else []
    if differing:
        raise AssertionError(
            f"{type(whole).__name__} does not resume exactly: after {steps} steps, stopped at {list(stops)}, these differ: "
            f"{', '.join(differing)}"
        )


def _timeless(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
