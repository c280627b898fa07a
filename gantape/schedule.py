"""Schedules: every n steps, epochs or seconds, at given steps, at the start, at the end.

A schedule holds no state. It compares the state of the run with the previous one, and is due if a boundary lies between them,
however many steps apart they are. `next_step` tells the loop where to end a call, so that no boundary is passed over.
"""

from abc import ABC, abstractmethod

import attrs

from gantape.errors import ScheduleError
from gantape.state import RunState


class When(ABC):
    """A schedule: when an action is due. Schedules are joined with `|`."""

    @abstractmethod
    def due(self, before: RunState | None, now: RunState) -> bool:
        """Whether the action is due between `before` (`None` at the start of the run) and `now`."""

    def next_step(self, step: int) -> int | None:
        """The first step after `step` at which the action is due, if it is known."""
        return None

    def __or__(self, other: "When") -> "When":
        return _Either(self, other)


def every(*, steps: int | None = None, epochs: int | None = None, seconds: float | None = None) -> When:
    """Due at every multiple of the given number of steps, epochs or seconds. Give exactly one of them.

    Raises:
        ScheduleError: If none or several are given, or one is not positive.
    """
    given = {"steps": steps, "epochs": epochs, "seconds": seconds}
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) != 1:
        raise ScheduleError(
            "an interval has one unit.",
            where="gantape.every",
            got=", ".join(f"{name}={given[name]}" for name in chosen) or "nothing",
            do="give exactly one of steps=, epochs= and seconds=; join two schedules with |.",
        )
    unit = chosen[0]
    interval = given[unit]
    whole = unit == "seconds" or (isinstance(interval, int) and not isinstance(interval, bool))
    if not whole or not isinstance(interval, int | float) or not 0 < interval < float("inf"):
        raise ScheduleError(
            "an interval is positive, and a whole number of steps or epochs.",
            where=f"gantape.every, argument `{unit}`",
            got=repr(interval),
            do="give a positive number.",
        )
    if unit == "seconds":
        return _EverySeconds(float(interval))
    return _EverySteps(int(interval)) if unit == "steps" else _EveryEpochs(int(interval))


def at(*steps: int) -> When:
    """Due at the given steps.

    Raises:
        ScheduleError: If no step is given, or one is not a positive whole number.
    """
    if not steps or any(not isinstance(step, int) or isinstance(step, bool) or step < 1 for step in steps):
        raise ScheduleError(
            "steps are counted from 1.",
            where="gantape.at",
            got=repr(steps),
            do="give positive whole numbers, such as gantape.at(10, 100); the start is gantape.at_start().",
        )
    return _AtSteps(tuple(sorted(set(steps))))


def at_start() -> When:
    """Due once before the first step of a run."""
    return _AtStart()


def at_end() -> When:
    """Due once after the last step of a run, however it ended."""
    return _AtEnd()


@attrs.frozen
class _EverySteps(When):
    interval: int

    def due(self, before: RunState | None, now: RunState) -> bool:
        return before is not None and now.step // self.interval > before.step // self.interval

    def next_step(self, step: int) -> int:
        return (step // self.interval + 1) * self.interval


@attrs.frozen
class _EveryEpochs(When):
    interval: int

    def due(self, before: RunState | None, now: RunState) -> bool:
        return before is not None and now.epoch // self.interval > before.epoch // self.interval


@attrs.frozen
class _EverySeconds(When):
    interval: float

    def due(self, before: RunState | None, now: RunState) -> bool:
        return before is not None and now.seconds // self.interval > before.seconds // self.interval


@attrs.frozen
class _AtSteps(When):
    steps: tuple[int, ...]

    def due(self, before: RunState | None, now: RunState) -> bool:
        return before is not None and any(before.step < step <= now.step for step in self.steps)

    def next_step(self, step: int) -> int | None:
        return next((named for named in self.steps if named > step), None)


@attrs.frozen
class _AtStart(When):
    def due(self, before: RunState | None, now: RunState) -> bool:
        return before is None


@attrs.frozen
class _AtEnd(When):
    def due(self, before: RunState | None, now: RunState) -> bool:
        return now.ended and before is not None


@attrs.frozen
class _Either(When):
    first: When
    second: When

    def due(self, before: RunState | None, now: RunState) -> bool:
        return self.first.due(before, now) or self.second.due(before, now)

    def next_step(self, step: int) -> int | None:
        known = [found for found in (self.first.next_step(step), self.second.next_step(step)) if found is not None]
        return min(known, default=None)
