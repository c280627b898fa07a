"""The progress of a run, as callbacks see it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from gantape.errors import ScheduleError
from gantape.history import OF_ROWS, History, Split
from gantape.state import RunState
from gantape.tasks import Task
from gantape.types import Row


@attrs.frozen(eq=False)
class Progress:
    """A run at one moment: the argument of callbacks.

    Args:
        task: The task that is trained.
        state: Steps, epochs, examples and updates done, seconds, and whether the run is over.
        steps_per_second: The speed so far, without compiling; 0 while unknown.
        fraction_done: The fraction of the run's length that is done, 0 to 1.
        history: The rows so far.
        run_dir: The run's directory, if it has one.
        current: Returns the means of losses and metrics since the newest row.
        columns: Returns the names of the scalars that a step reports; none where they are known after a step only.
    """

    task: Task
    state: RunState
    steps_per_second: float
    fraction_done: float
    history: History
    run_dir: Path | None
    current: Callable[[], dict[str, float]]
    columns: Callable[[], tuple[str, ...]] = tuple

    @property
    def step(self) -> int:
        """Steps done."""
        return self.state.step

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return self.state.epoch

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return self.state.seconds

    @property
    def examples(self) -> int:
        """Examples read."""
        return self.state.examples

    @property
    def updates(self) -> int:
        """Updates done."""
        return self.state.updates

    def record(self, split: Split, values: Mapping[str, float]) -> Row:
        """Add a row to the history, for this state: how an action records its own measurements.

        Args:
            split: "train", or "validation" for measurements on data that is not trained on.
            values: The row's columns, in addition to `step`, `epoch`, `seconds` and `split`.

        Returns:
            The row.

        Raises:
            ScheduleError: If a value has the name of one of these columns.
        """
        clash = [name for name in values if name in OF_ROWS]
        if clash:
            raise ScheduleError(
                "a measurement has the name of a column that every row has.",
                where="gantape.Progress.record, argument `values`",
                got=", ".join(clash),
                do="choose another name.",
            )
        row: Row = {"step": self.step, "epoch": self.epoch, "seconds": round(self.seconds, 3), "split": split, **values}
        self.history.rows.append(row)
        return row
