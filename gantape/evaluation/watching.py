"""What a health check keeps while a run goes on: the failures that it noticed, and the time that it may take."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from gantape.evaluation.evidence import Finding
from gantape.schedule import When
from gantape.state import RunState

LOOKS_UNTIL_RECOVERED = 2
"""A failure that the rules do not find in so many looks, one behind the other, is over."""

EVERY_STEPS, DENSE_STEPS = 50, 400
"""Early looks are dense: by step 400 it shows whether samples come nearer to the data."""

FIRST_SECONDS = 100.0
"""The share of the first 100 seconds may be taken at their beginning: a verdict is due within a minute."""


class LookSchedule(When):
    """Due at step 1, at every 50th step up to 400, and then whenever a quarter more steps are done.

    It depends on steps alone, so that runs that are alike are looked at at the same steps.
    """

    def due(self, before: RunState | None, now: RunState) -> bool:
        return before is not None and self.next_step(before.step) <= now.step

    def next_step(self, step: int) -> int:
        due = 1
        while due <= step:
            due = due // EVERY_STEPS * EVERY_STEPS + EVERY_STEPS if due < DENSE_STEPS else due + due // 4
        return due


@attrs.define
class TimeBudget:
    """Measures how long looks take, and says whether there is time for another.

    Args:
        share: The share of the run's time that they may take; `None` for any.
        clock: Seconds from any beginning.
        warm_up: Seconds of the first look, in which the data is read and operations run for the first time. They do not count
            against the share: some tenths of a second.
        spent: Seconds of all others.
        newest: Seconds of the newest of these, which is what the next one is expected to take.
    """

    share: float | None = None
    clock: Callable[[], float] = time.perf_counter
    warm_up: float = 0.0
    spent: float = 0.0
    newest: float = 0.0

    def allows(self, seconds: float) -> bool:
        """Whether a look fits after so many seconds of the run."""
        return self.share is None or self.spent + self.newest <= self.share * max(seconds, FIRST_SECONDS)

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Measure a look."""
        began = self.clock()
        yield
        took = self.clock() - began
        if not self.warm_up:
            self.warm_up = took
        else:
            self.spent, self.newest = self.spent + took, took


@attrs.define
class Noticed:
    """A failure that was noticed in a run.

    Args:
        name: The failure.
        words: The observation, from the newest look that found it.
        advice: What to try.
        step: The step at which it was first found.
        recovered: The step by which it was over; `None` if it is not.
        absent: In how many of the newest looks it was not found.
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
    """The failures that were noticed in a run, oldest first.

    Args:
        noticed: Each failure, once.
    """

    noticed: list[Noticed] = attrs.field(factory=list)

    def note(self, found: Iterable[Finding], step: int) -> tuple[list[Noticed], list[Noticed]]:
        """Take in what a look found.

        Returns:
            The failures that are new, or back after they were over; and those that are over now.
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
        """All failures as plain data: name, words, advice, step, and the step by which a failure was over or `None`."""
        return [attrs.asdict(failure, filter=attrs.filters.exclude("absent")) for failure in self.noticed]

    def state(self) -> list[dict[str, Any]]:
        """All that `of` needs."""
        return [attrs.asdict(failure) for failure in self.noticed]

    @classmethod
    def of(cls, state: Iterable[Any]) -> "Failures":
        """From what `state` gave.

        Raises:
            TypeError: If it makes no sense.
        """
        return cls([Noticed(**dict(kept)) for kept in state])

    def _take_in(self, finding: Finding, step: int) -> Noticed | None:
        """Note a finding; the failure, if it is news."""
        known = next((failure for failure in self.noticed if failure.name == finding.name), None)
        if known is None:
            self.noticed.append(Noticed(finding.name, finding.words, finding.advice, step))
            return self.noticed[-1]
        known.words, known.advice, known.absent = finding.words, finding.advice, 0
        if known.recovered is None:
            return None
        known.step, known.recovered = step, None
        return known
