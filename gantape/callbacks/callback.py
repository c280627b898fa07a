"""An action and when it is due."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import attrs

from gantape.callbacks.progress import Progress
from gantape.errors import ScheduleError
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


@runtime_checkable
class Stateful(Protocol):
    """An action that remembers something which a resumed run has to know: it is saved with each checkpoint."""

    def state(self) -> dict[str, Any]:
        """What it remembers: numbers, texts, lists and dicts, as JSON has them."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what another one remembered. Called before the first step of a resumed run, instead of `at_start`."""


@runtime_checkable
class Contributor(Protocol):
    """An action that adds to the record of a run, `run.json`, which is written anew after each of its calls."""

    def facts(self) -> dict[str, Any]:
        """The keys that it adds, and their values as JSON has them. The loop's own keys win over a key of the same name."""


@attrs.frozen(eq=False)
class Callback:
    """What to do, and when.

    ```python
    gt.Callback(lambda progress: print(progress.step, progress.current()), gt.every(steps=100))
    ```

    Args:
        action: Called with the run's progress; returns a `Stop` to end the run. If it has a method `close`, that is called
            when the run is over, however it ended. If it is `Stateful`, it is saved and resumed with the run; if it is a
            `Contributor`, the run's record has its facts.
        when: When the action is due.

    Raises:
        ScheduleError: If the action cannot be called, or `when` is not a schedule.
    """

    action: Action
    when: When

    @property
    def owner(self) -> Any:
        """The action, or what it is a method of."""
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
    """Everything that the actions add to the record of a run; a later action wins over an earlier one."""
    owners = (callback.owner for callback in callbacks)
    return {key: value for owner in owners if isinstance(owner, Contributor) for key, value in owner.facts().items()}
