"""What a tracker is, and what it is told of a run."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from gantape.errors import TrackerError

Array = np.ndarray[Any, np.dtype[Any]]

THREAD = "gantape tracker"
"""How the names of the threads begin that call trackers."""

Setting = bool | int | float | str
"""A hyper-parameter as services take it."""


@attrs.frozen(eq=False)
class RunInfo:
    """A run, as a tracker is told of it before anything else.

    Args:
        name: The name of the run's directory, or of the task's class.
        task: The name of the task's class.
        hyperparameters: The task's hyper-parameters in JSON form.
        directory: The run's directory, if it has one.
        id: What `Tracker.start` returned when this run was tracked before, or an empty text for a new run.
    """

    name: str
    task: str
    hyperparameters: Mapping[str, Any]
    directory: Path | None = None
    id: str = ""

    @property
    def settings(self) -> dict[str, Setting]:
        """The task's name and its hyper-parameters as numbers and texts, nested ones by names like `penalty.weight`."""
        return {"task": self.task, **flat("", self.hyperparameters)}


def flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Setting]:
    """Values in JSON form as numbers and texts, nested ones by names with a point, behind a prefix."""
    found: dict[str, Setting] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(f"{prefix}{name}.", value)
        else:
            found[prefix + name] = value if isinstance(value, Setting) else str(value)
    return found


class Tracker(ABC):
    """Sends a run to a service: the interface to implement for a service of one's own; `track` makes a callback of it.

    ```python
    class Printer(gt.trackers.Tracker):
        def start(self, run):
            print("tracking", run.name)

        def scalars(self, step, values):
            print(step, values)
    ```

    All methods are called from one thread, which is not that of the training: they may take long, and may raise any error.
    Only `start` and `scalars` have to be implemented.
    """

    @property
    def name(self) -> str:
        """A name, unique among the trackers of a run, whose directory keeps the id of the tracked run under this name."""
        return type(self).__name__

    @abstractmethod
    def start(self, run: RunInfo) -> str | None:
        """Begin to track a run, or continue with `run.id`, which is not empty if the run was tracked before.

        It is called again, later, if it fails.

        Returns:
            The id with which the service finds the run again, if there is one.
        """

    @abstractmethod
    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Track the values of a step. If it fails, it is called again, later, with the same values.

        Args:
            step: Steps done.
            values: Values by name, as in "train/generator/loss", "validation/accuracy", "train/generator/learning_rate".
        """

    def image(self, step: int, name: str, image: Array) -> None:
        """Track an image.

        Args:
            step: Steps done.
            name: The name of a series of images.
            image: Bytes, shape `height width channels`, with 1 or 3 channels.
        """

    def histogram(self, step: int, name: str, counts: Array, edges: Array) -> None:
        """Track a histogram.

        Args:
            step: Steps done.
            name: The name of a series of histograms.
            counts: Values in each bin, shape `bins`.
            edges: The edges of bins, shape `bins + 1`.
        """

    def file(self, path: Path) -> None:
        """Track a file that the run has made, when it is over."""

    def finish(self, failed: bool) -> None:
        """End the run.

        Args:
            failed: Whether an error ended it.
        """


def client(module: str, package: str, where: str) -> Any:
    """The client of a service, imported here and now: imports are safer, and fail sooner, in the thread of the program.

    Args:
        module: The client's module.
        package: Its package.
        where: The tracker that needs it.

    Raises:
        TrackerError: If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise TrackerError(
            f"the package {package}, which this tracker sends by, is not installed.",
            where=where,
            got=str(error),
            do=f"pip install {package}, or leave this tracker out.",
        ) from None
