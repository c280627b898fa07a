"""The state of a health check: the failures found so far, and its time budget."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from gantape.evaluation.evidence import Finding
from gantape.schedule import When
from gantape.state import RunState

LOOKS_UNTIL_RECOVERED = 2
"""A failure is over if this many consecutive checks do not find it."""

EVERY_STEPS, DENSE_STEPS = 100, 400
"""Early checks are frequent: by step 400 it is clear whether samples come nearer to the data."""

FIRST_SECONDS = 60.0
"""The budget of the first minute may be used at once, so that there is a first result within it."""


class LookSchedule(When):
    """Due at step 1, at every 100th step up to 400, and then each time the steps have grown by half.

    It depends on steps alone, so that equal runs are checked at the same steps.
    """

    def due(self, before: RunState | None, now: RunState) -> bool:
        return before is not None and self.next_step(before.step) <= now.step

    def next_step(self, step: int) -> int:
        due = 1
        while due <= step:
            due = due // EVERY_STEPS * EVERY_STEPS + EVERY_STEPS if due < DENSE_STEPS else due + due // 2
        return due


@attrs.define
class TimeBudget:
    """Measures how long checks take, and decides whether there is time for another.

    Args:
        share: Largest fraction of the run's time; `None` for no limit.
        clock: Returns seconds, from any origin.
        spent: Seconds of all checks.
        newest: Seconds of the last one, which is the estimate for the next; 0 after the first, which takes longer than others
            because operations run for the first time.
    """

    share: float | None = None
    clock: Callable[[], float] = time.perf_counter
    spent: float = 0.0
    newest: float = 0.0

    def allows(self, seconds: float) -> bool:
        """Whether a check fits after so many seconds of the run."""
        return self.share is None or self.spent + self.newest <= self.share * max(seconds, FIRST_SECONDS)

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Measure a check."""
        began = self.clock()
        yield
        took = self.clock() - began
        self.newest = took if self.spent else 0.0
        self.spent += took


@attrs.define
class Noticed:
    """A failure that was found in a run.

    Args:
        name: The failure.
        words: The observation, from the last check that found it.
        advice: The advice.
        step: The step at which it was first found.
        recovered: The step by which it was over; `None` if it is not.
        absent: Number of checks since it was last found.
    """

    name: str
    words: str
    advice: str
    step: int
    recovered: int | None = None
    absent: int = 0

    def __str__(self) -> str:
        if self.recovered is None:
            return str(Finding(self.name, self.words, self.advice))
        return f"{self.name} at step {self.step}; recovered by step {self.recovered}"


@attrs.define
class Failures:
    """The failures that were found in a run, oldest first.

    Args:
        noticed: Each failure, once.
    """

    noticed: list[Noticed] = attrs.field(factory=list)

    def note(self, found: Iterable[Finding], step: int) -> tuple[list[Noticed], list[Noticed]]:
        """Add the findings of a check.

        Returns:
            The failures that are new or have returned, and those that are now over.
        """
        findings = {finding.name: finding for finding in found}
        over = []
        for failure in self.noticed:
            if failure.name in findings or failure.recovered is not None:
                continue
            failure.absent += 1
            if failure.absent == LOOKS_UNTIL_RECOVERED:
                failure.recovered = step
                over.append(failure)
        new = [self._take_in(finding, step) for finding in findings.values()]
        return [failure for failure in new if failure is not None], over

    def record(self) -> list[dict[str, Any]]:
        """All failures as dicts: name, words, advice, step, and the step by which a failure was over or `None`."""
        return [attrs.asdict(failure, filter=attrs.filters.exclude("absent")) for failure in self.noticed]

    def state(self) -> list[dict[str, Any]]:
        """The failures as dicts, for `of`."""
        return [attrs.asdict(failure) for failure in self.noticed]

    @classmethod
    def of(cls, state: Iterable[Any]) -> "Failures":
        """Failures from the return value of `state`.

        Raises:
            TypeError: If it is invalid.
        """
        return cls([Noticed(**dict(kept)) for kept in state])

    def _take_in(self, finding: Finding, step: int) -> Noticed | None:
        """Add a finding, and return the failure if it is new."""
        known = next((failure for failure in self.noticed if failure.name == finding.name), None)
        if known is None:
            self.noticed.append(Noticed(finding.name, finding.words, finding.advice, step))
            return self.noticed[-1]
        known.words, known.advice, known.absent = finding.words, finding.advice, 0
        if known.recovered is None:
            return None
        known.step, known.recovered = step, None
        return known
