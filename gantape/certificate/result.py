"""A certificate: what differs between the modes, how much of it rounding explains, and why."""

import math
from collections.abc import Mapping

import attrs

from gantape.errors import counted

MOST_NAMED = 3
"""Differences that are described in words."""

MOST_ROWS = 12
"""Comparisons in the short table."""


@attrs.frozen
class Comparison:
    """One variable or reported scalar in all modes.

    Args:
        name: Its name; that of a scalar begins with "report".
        update: The update that moves or reports it; empty if none does.
        step: The steps after which it was compared, counted from the first that was run.
        largest: For each mode, the largest difference of an element to the first mode; infinite if only one is finite.
        explained: The largest difference that rounding explains.
        finite: Whether it is finite in the first mode.
    """

    name: str
    update: str
    step: int
    largest: Mapping[str, float]
    explained: float
    finite: bool = True

    @property
    def ratio(self) -> float:
        """The largest difference of all modes, in multiples of what rounding explains."""
        most = max(self.largest.values(), default=0.0)
        if most == 0.0:
            return 0.0
        if math.isinf(most):
            return 0.0 if math.isinf(self.explained) else math.inf
        return most / self.explained if self.explained else math.inf


@attrs.frozen
class Difference:
    """A variable or reported scalar that differs by more than rounding explains.

    Args:
        name: Its name.
        update: The update that moves or reports it; empty if none does.
        modes: The modes in which it is not as in the first one.
        step: The first of the steps that were compared after which it differs, counted from 1.
        largest: The largest difference of an element.
        explained: The largest difference that rounding explains.
    """

    name: str
    update: str
    modes: tuple[str, ...]
    step: int
    largest: float
    explained: float

    def __str__(self) -> str:
        """The difference as a line of text."""
        of = f', update "{self.update}"' if self.update else ""
        how = (
            f"{self.largest:.1e}, where rounding explains {self.explained:.1e}" if math.isfinite(self.largest) else "not finite"
        )
        return f"{self.name}{of}: {', '.join(self.modes)} differ after step {self.step} by {how}"


@attrs.frozen
class Certificate:
    """The result of running the same steps in several modes, from the same state.

    Args:
        modes: The modes that were compared; the others are compared with the first.
        first_step: The number of the first step.
        steps: The number of steps.
        comparisons: Every variable and reported scalar, after the first step and after the last.
        failures: Why a mode could not run the steps, by mode.
        causes: What is known about why they differ, the most likely first.
    """

    modes: tuple[str, ...]
    first_step: int
    steps: int
    comparisons: tuple[Comparison, ...]
    failures: Mapping[str, str]
    causes: tuple[str, ...] = ()

    @property
    def agree(self) -> bool:
        """Whether all modes that can run the steps compute the same, but for rounding."""
        return not self.differences

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What differs by more than rounding explains, each variable or scalar once, the earliest and largest first."""
        found: dict[str, Difference] = {}
        for seen in sorted((seen for seen in self.comparisons if seen.ratio > 1.0), key=lambda seen: (seen.step, -seen.ratio)):
            modes = tuple(mode for mode, value in seen.largest.items() if value > seen.explained)
            most = max(seen.largest.values())
            found.setdefault(seen.name, Difference(seen.name, seen.update, modes, seen.step, most, seen.explained))
        return tuple(found.values())

    def table(self, rows: int | None = None) -> str:
        """The largest difference of each variable and scalar in each mode, beside what rounding explains, as text.

        Args:
            rows: The number of rows, those with the largest differences for their rounding; by default all.
        """
        last = {seen.name: seen for seen in sorted(self.comparisons, key=lambda seen: seen.step)}
        ordered = sorted(last.values(), key=lambda seen: -seen.ratio)[:rows]
        width = max((len(seen.name) for seen in ordered), default=4)
        others = self.modes[1:]
        lines = [f"{'':<{width}}" + "".join(f"{mode:>10}" for mode in others) + f"{'rounding':>10}"]
        for seen in ordered:
            cells = "".join(f"{seen.largest.get(mode, math.nan):>10.1e}" for mode in others)
            lines.append(f"{seen.name:<{width}}{cells}{seen.explained:>10.1e}" + ("  differs" if seen.ratio > 1.0 else ""))
        left = len(last) - len(ordered)
        return "\n".join([*lines, *([f"and {left} more, nearer to one another"] if left else [])])

    def __str__(self) -> str:
        """The verdict, the causes and the largest differences, as text."""
        count = len({seen.name for seen in self.comparisons})
        verdict = "agree but for rounding" if self.agree else f"differ in {len(self.differences)} of {count}"
        lines = [
            f"{', '.join(self.modes)}, {counted(self.steps, 'step')} from step {self.first_step}: "
            f"{count} variables and scalars {verdict}"
        ]
        lines += [f"{mode} cannot run the step: {failure}" for mode, failure in self.failures.items()]
        if endless := [seen.name for seen in self.comparisons if not seen.finite]:
            lines.append(f"a step that is not finite was the last: {', '.join(dict.fromkeys(endless[:MOST_NAMED]))}")
        lines += [f"cause: {cause}" for cause in self.causes]
        lines += [str(difference) for difference in self.differences[:MOST_NAMED]]
        return "\n".join([*lines, f"largest difference to {self.modes[0]}:", self.table(MOST_ROWS)])
