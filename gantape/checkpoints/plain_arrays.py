"""Arrays of NumPy in the parts of a task, outside of Keras' objects: they are not saved, and must not change."""

import zlib
from typing import Any

import numpy as np

from gantape.errors import TaskError, listed
from gantape.tasks import Task
from gantape.tasks.holdings import holdings_of


class PlainArrays:
    """The arrays that the parts of a task hold when a run begins.

    Args:
        task: The task.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._marks = _marks(task)

    def check_unchanged(self) -> None:
        """Raise a `TaskError` if one of them has changed: a resumed run would begin with the old one.

        Raises:
            TaskError: If so.
        """
        changed = [name for name, mark in _marks(self._task).items() if self._marks.get(name, mark) != mark]
        if changed:
            raise TaskError(
                "an array in a part has changed, and would not be saved.",
                where=type(self._task).__name__,
                got=listed(changed),
                do="hold it in keras.Variable(array, trainable=False), in a layer, or in a stateful callback; or do without "
                "checkpoints, with gantape.Loop(..., checkpoints=None).",
            )


def _marks(task: Task) -> dict[str, tuple[Any, ...]]:
    arrays = {name: array for name, array in holdings_of(task).arrays.items() if not array.dtype.hasobject}
    return {name: (array.shape, array.dtype, zlib.crc32(_bytes(array))) for name, array in arrays.items()}


def _bytes(array: Any) -> Any:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
