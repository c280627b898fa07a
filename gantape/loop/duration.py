"""The length of a run, and its speed."""

import attrs

from gantape.compiler.trials import RunLength
from gantape.errors import ScheduleError
from gantape.state import RunState


@attrs.frozen
class Duration:
    """The length of a run in steps, epochs or minutes from its start. With 0 steps, only the end callbacks are called.

    Args:
        steps: Steps to do.
        epochs: Passes over the data to do.
        minutes: Minutes to train, compiling included.
    """

    steps: int | None = None
    epochs: int | None = None
    minutes: float | None = None

    @classmethod
    def of(cls, steps: int | None = None, epochs: int | None = None, minutes: float | None = None) -> "Duration":
        """The duration from the arguments of `Loop.run`.

        Raises:
            ScheduleError: Unless exactly one of them is given, positive, and whole if it counts steps or epochs.
        """
        given = {
            name: value for name, value in (("steps", steps), ("epochs", epochs), ("minutes", minutes)) if value is not None
        }
        if len(given) != 1:
            raise ScheduleError(
                "a run has one rule for stopping.",
                where="gantape.Loop.run",
                got=", ".join(f"{name}={value}" for name, value in given.items()) or "none",
                do="give exactly one of steps=, epochs= and minutes=.",
            )
        (name, value) = next(iter(given.items()))
        kinds = int | float if name == "minutes" else int
        if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < float("inf"):
            raise ScheduleError(
                "a run has a positive length, and a whole number of steps or epochs.",
                where=f"gantape.Loop.run, argument `{name}`",
                got=repr(value),
                do="give a positive number.",
            )
        return cls(steps, epochs, minutes)

    def fraction_done(self, start: RunState, now: RunState) -> float:
        """The fraction of the run that is done, 0 to 1."""
        if self.steps is not None:
            share = (now.step - start.step) / self.steps if self.steps else 1.0
        elif self.epochs is not None:
            share = (now.epoch - start.epoch) / self.epochs
        else:
            share = (now.seconds - start.seconds) / (60.0 * (self.minutes or 1.0))
        return min(share, 1.0)

    def length(self, batches_per_epoch: int | None, batches_per_step: int) -> RunLength:
        """The length in steps or seconds, as far as it is known in advance."""
        if self.minutes is not None:
            return RunLength(seconds=60.0 * self.minutes)
        if self.epochs is not None and batches_per_epoch is not None:
            return RunLength(steps=self.epochs * (batches_per_epoch // batches_per_step))
        return RunLength(steps=self.steps)

    def steps_left(self, start: RunState, now: RunState) -> int | None:
        """Steps until the end; `None` if the length is not in steps."""
        return None if self.steps is None else start.step + self.steps - now.step

    def __str__(self) -> str:
        """The reason for which such a run stops, as in `History.stopped_by`."""
        if self.steps == 0:
            return "nothing left to do"
        name, value = next((name, value) for name, value in attrs.asdict(self).items() if value is not None)
        unit = name.removesuffix("s") if value == 1 else name
        return f"{value:.10g} {unit}"


@attrs.define
class Speed:
    """The speed of steps, without compiling.

    Args:
        steps: Steps done.
        seconds: The seconds that they took.
    """

    steps: int = 0
    seconds: float = 0.0

    @property
    def steps_per_second(self) -> float:
        """Steps per second; 0 while unknown."""
        return self.steps / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        """The speed as text; empty while unknown."""
        speed = self.steps_per_second
        return f"{_rounded(1000.0 / speed)} ms a step, {_rounded(speed)} steps per second" if speed else ""

    def note(self, steps: int, seconds: float) -> None:
        """Add the steps and seconds of a call."""
        self.steps += steps
        self.seconds += seconds

    def steps_in(self, seconds: float) -> int:
        """The number of steps that fit in some seconds; 1 while the speed is unknown."""
        return max(1, int(self.steps_per_second * seconds))


def _rounded(value: float) -> str:
    """A number with three significant digits, such as "1,230" or "0.25"."""
    return f"{float(f'{value:.3g}'):,.10g}"
