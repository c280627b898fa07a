"""What a program measures of a run at its end, for the run's record, its page and the services that track it."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

import gantape as gt


@attrs.define(eq=False)
class Result:
    """Measures the result of a run: an action, to be called at the end.

    Args:
        measure: Returns the facts for the record.
        on_every_worker: Whether all workers measure together, or else the chief alone.
    """

    measure: Callable[[], Mapping[str, Any]]
    on_every_worker: bool = False
    _found: dict[str, Any] = attrs.field(init=False, factory=dict)

    def __call__(self, progress: gt.Progress) -> None:
        self._found = dict(self.measure())

    def facts(self) -> dict[str, Any]:
        """The facts; none before the end."""
        return self._found
