"""Callbacks: an action and when it is due."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import attrs

from gantape.callbacks.progress import Progress
from gantape.compiler.trials import RunLength
from gantape.errors import ScheduleError
from gantape.schedule import When
from gantape.state import RunState
from gantape.tasks import Task


@attrs.frozen
class Stop:
    """Returned by an action to end the run.

    Args:
        reason: Why, for the history.
    """

    reason: str


Action: TypeAlias = Callable[[Progress], Stop | None]
"""A function of the run's progress that returns a `Stop` to end the run, or nothing."""


@runtime_checkable
class Stateful(Protocol):
    """An action with a state, which is saved with each checkpoint and restored in a resumed run."""

    def state(self) -> dict[str, Any]:
        """The state in JSON form: numbers, texts, lists and dicts."""

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a saved state. Called before the first step of a resumed run, instead of `at_start`."""


@runtime_checkable
class Contributor(Protocol):
    """An action that adds facts to the record of a run, `run.json`, which is rewritten after each call of the action."""

    def facts(self) -> dict[str, Any]:
        """The keys to add, with their values in JSON form. The loop's own keys take precedence."""


@attrs.frozen(eq=False)
class Opening:
    """A run whose steps are not compiled yet.

    Args:
        task: The task that is trained.
        duration: The length of the run, as text.
        length: The length of this call of `Loop.run`, as far as it is known.
        state: The state at its start.
        run_dir: The run's directory, if it has one.
        resumed: Whether earlier steps count as done; otherwise this call starts at 0 %.
        validates: Whether the task is evaluated on validation data.
    """

    task: Task
    duration: str
    length: RunLength
    state: RunState
    run_dir: Path | None = None
    resumed: bool = False
    validates: bool = False


@runtime_checkable
class Opener(Protocol):
    """An action that shows a run from its opening on, before its steps are compiled, which may take minutes."""

    def open(self, opening: Opening) -> None:
        """Start to show the run. Called once before steps are compiled, and before `at_start`."""


@attrs.frozen(eq=False)
class Callback:
    """An action and when it is due.

    ```python
    gt.Callback(lambda progress: print(progress.step, progress.current()), gt.every(steps=100))
    ```

    Args:
        action: Called with the run's progress; returns a `Stop` to end the run. If it has a method `close`, that is called
            when the run is over, however it ended. A `Stateful` action is saved and restored with the run; the facts of a
            `Contributor` are added to the run's record; an `Opener` is opened before steps are compiled.
        when: When the action is due.

    Raises:
        ScheduleError: If the action cannot be called, or `when` is not a schedule.
    """

    action: Action
    when: When

    @property
    def owner(self) -> Any:
        """The action, or the object of which it is a method."""
        return getattr(self.action, "__self__", self.action)

    def __attrs_post_init__(self) -> None:
        if not callable(self.action) or not isinstance(self.when, When):
            raise ScheduleError(
                "a callback is an action and a schedule.",
                where="gantape.Callback",
                got=f"{self.action!r}, {self.when!r}",
                do="write gantape.Callback(action, gantape.every(steps=100)).",
            )


def contributed(callbacks: Iterable[Callback]) -> dict[str, Any]:
    """The facts that actions add to the record of a run; later actions take precedence."""
    owners = (callback.owner for callback in callbacks)
    return {key: value for owner in owners if isinstance(owner, Contributor) for key, value in owner.facts().items()}
