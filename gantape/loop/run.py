"""One call of `Loop.run`: what it works with, and what it decides between calls of the compiled steps."""

from collections.abc import Sequence

import attrs

from gantape.callbacks import Callback
from gantape.callbacks.runner import CallbackRunner
from gantape.compiler.compiled import CompiledSteps
from gantape.data import PeekableReader
from gantape.loop.duration import Duration, Speed
from gantape.loop.signals import SIGNALS, Interruption
from gantape.state import RunState

SECONDS_PER_CALL = 0.5


@attrs.frozen(eq=False)
class Run:
    """One call of `Loop.run`.

    Args:
        compiled: Runs the steps, and adds up what they report.
        reader: Reads the data.
        callbacks: What is called, and when.
        runner: Calls it.
        duration: How long the run is.
        interruption: Whether it was asked to end.
        speed: How fast it goes.
    """

    compiled: CompiledSteps
    reader: PeekableReader
    callbacks: Sequence[Callback]
    runner: CallbackRunner
    duration: Duration
    interruption: Interruption
    speed: Speed = attrs.field(factory=Speed)

    def due(self, before: RunState | None, now: RunState) -> list[Callback]:
        """The callbacks that are due between two states."""
        return [callback for callback in self.callbacks if callback.when.due(before, now)]

    def over(self, start: RunState, now: RunState) -> str:
        """Why the run is over by its duration, or nothing."""
        return str(self.duration) if self.duration.fraction_done(start, now) == 1.0 else ""

    def call(self, due: Sequence[Callback], start: RunState, state: RunState) -> str:
        """Call callbacks; returns why the run is to stop, or nothing."""
        return self.runner.call(due, state, self.speed.steps_per_second, self.duration.fraction_done(start, state))

    def plan(self, start: RunState, state: RunState, checkpoint: int | None) -> int:
        """How many steps until something is due, or the updates of a step are others.

        Args:
            start: The state at the start of the run.
            state: The state now.
            checkpoint: The step at which a checkpoint is due, if it is known.
        """
        boundaries = [callback.when.next_step(state.step) for callback in self.callbacks] + [checkpoint]
        limits = [self.speed.steps_in(SECONDS_PER_CALL)]
        limits += [boundary - state.step for boundary in boundaries if boundary is not None]
        left = self.duration.steps_left(start, state)
        return self.compiled.steps_until_change(state.step, min(limits) if left is None else min(*limits, left))

    def agree(self, seconds: float) -> tuple[float, str]:
        """Seconds and speed as the chief has them, and the signal that any worker was sent: the same on all workers."""
        speed = self.speed
        signals = [self.interruption.signal_name == name for name in SIGNALS]
        told, sent = self.runner.workers.broadcast([seconds, speed.steps, speed.seconds], signals)
        speed.steps, speed.seconds = int(told[1]), told[2]
        return told[0], next((name for name, anywhere in zip(SIGNALS, sent, strict=True) if anywhere), "")
