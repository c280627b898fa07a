"""What was measured of modes, and which of them ends a run soonest."""

from typing import Any

import attrs

from gantape.compiler.programs import MODES, NamedMode


@attrs.frozen
class RunLength:
    """The length of a run, in steps or seconds, whichever is known; neither for a run without a known end."""

    steps: int | None = None
    seconds: float | None = None


@attrs.frozen
class Trial:
    """The measurements of one mode.

    Args:
        mode: The mode.
        compile_seconds: Seconds until the first step was done.
        seconds_per_step: Seconds of a later step; infinite if the mode cannot run the step.
        failure: Why it cannot.
        measured: Seconds of the steps that were measured.
    """

    mode: NamedMode = attrs.field(validator=attrs.validators.in_(MODES))
    compile_seconds: float = attrs.field(validator=attrs.validators.ge(0.0))
    seconds_per_step: float = attrs.field(validator=attrs.validators.gt(0.0))
    failure: str = attrs.field(default="", validator=attrs.validators.instance_of(str))
    measured: float = attrs.field(default=0.0, validator=attrs.validators.ge(0.0))

    def cost(self, length: RunLength, *, compiled: bool = False) -> float:
        """The cost to minimise: the seconds of the whole run; for a run of given seconds, those that each step takes of it.

        Args:
            length: The length of the run.
            compiled: Whether the mode is compiled already.
        """
        compile_seconds = 0.0 if compiled else self.compile_seconds
        if length.steps is not None:
            return compile_seconds + length.steps * self.seconds_per_step
        if length.seconds is not None:
            return self.seconds_per_step / max(length.seconds - compile_seconds, 1e-9)
        return self.seconds_per_step

    def remaining(self, length: RunLength) -> float:
        """The seconds of a run in this mode, without compiling."""
        if length.steps is not None:
            return length.steps * self.seconds_per_step
        return length.seconds if length.seconds is not None else float("inf")


@attrs.frozen(eq=False)
class TuningResult:
    """The result of autotuning: the trials, and the mode that they favour.

    Args:
        measurements: The trials, in order.
        length: The length of the run.
        compiled: The modes that are compiled already.
    """

    measurements: tuple[Trial, ...]
    length: RunLength
    compiled: frozenset[NamedMode] = frozenset()

    @property
    def mode(self) -> NamedMode:
        """The mode that ends the run soonest."""
        return min(self.measurements, key=lambda found: found.cost(self.length, compiled=found.mode in self.compiled)).mode

    def table(self) -> str:
        """The measurements as a small table."""
        lines = [f"{'mode':<9}{'compile s':>10}{'steps/s':>10}  chosen"]
        for found in self.measurements:
            speed = f"{1.0 / found.seconds_per_step:>10.2f}" if not found.failure else f"{'fails':>10}"
            mark = found.failure or ("*" if found.mode == self.mode else "")
            lines.append(f"{found.mode:<9}{found.compile_seconds:>10.2f}{speed}  {mark}")
        return "\n".join(lines)

    def record(self) -> list[dict[str, Any]]:
        """The measurements in JSON form."""
        return [attrs.asdict(found) | {"chosen": found.mode == self.mode} for found in self.measurements]
