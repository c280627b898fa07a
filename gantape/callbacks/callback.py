"""An action and when it is due. Opens the part `callbacks`, which follows `progress` in the reading order."""

from collections.abc import Callable
from typing import TypeAlias

import attrs

from gantape.errors import ScheduleError
from gantape.progress import Progress
from gantape.schedule import When


@attrs.frozen
class Stop:
    """Returned by an action to end the run.

    Args:
        reason: Why, for the history.
    """

    reason: str


Action: TypeAlias = Callable[[Progress], Stop | None]
"""What is done when it is due: called with the run's progress, it returns a `Stop` to end the run, or nothing."""


@attrs.frozen(eq=False)
class Callback:
    """What to do, and when.

    ```python
    gt.Callback(lambda progress: print(progress.step, progress.current()), gt.every(steps=100))
    ```

    Args:
        action: Called with the run's progress; returns a `Stop` to end the run. If it has a method `close`, that is called
            when the run is over, however it ended.
        when: When the action is due.

    Raises:
        ScheduleError: If the action cannot be called, or `when` is not a schedule.
    """

    action: Action
    when: When

    def __attrs_post_init__(self) -> None:
        if not callable(self.action) or not isinstance(self.when, When):
            raise ScheduleError(
                "a callback is an action and a schedule.",
                where="gantape.Callback",
                got=f"{self.action!r}, {self.when!r}",
                do="write gantape.Callback(action, gantape.every(steps=100)).",
            )
