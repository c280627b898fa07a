"""One call of `Loop.run`: its parts, and the decisions between calls of the compiled steps."""

import functools
from collections.abc import Sequence

import attrs

from gantape.callbacks import Callback
from gantape.callbacks.runner import CallbackRunner
from gantape.compiler.compiled import CompiledSteps
from gantape.data import BatchStack, PeekableReader
from gantape.loop.duration import Duration, Speed
from gantape.loop.signals import SIGNALS, Interruption
from gantape.state import RunState

SECONDS_PER_CALL = 0.5
"""The time that a call of the compiled steps should take."""


@attrs.frozen(eq=False)
class Run:
    """One call of `Loop.run`.

    Args:
        compiled: Runs the steps, and adds up the scalars that they report.
        reader: Reads the data.
        callbacks: The callbacks.
        runner: Calls the callbacks.
        duration: The length of the run.
        interruption: The signal that the process received, if any.
        speed: The speed of the steps.
    """

    compiled: CompiledSteps
    reader: PeekableReader
    callbacks: Sequence[Callback]
    runner: CallbackRunner
    duration: Duration
    interruption: Interruption
    speed: Speed

    def due(self, before: RunState | None, now: RunState) -> list[Callback]:
        """The callbacks that are due between two states."""
        return [callback for callback in self.callbacks if callback.when.due(before, now)]

    def over(self, start: RunState, now: RunState) -> str:
        """Why the run is over if its duration has passed, else an empty text."""
        return str(self.duration) if self.duration.fraction_done(start, now) == 1.0 else ""

    def call(self, due: Sequence[Callback], start: RunState, state: RunState) -> str:
        """Call callbacks; returns why the run is to stop, or an empty text."""
        share = self.duration.fraction_done(start, state)
        columns = functools.partial(self._columns, state)
        return self.runner.call(due, state, self.speed.steps_per_second, share, columns)

    def plan(self, start: RunState, state: RunState, checkpoint: int | None) -> int:
        """How many steps to run before something is due or the updates of a step change.

        Args:
            start: The state at the start of the run.
            state: The state now.
            checkpoint: The step at which a checkpoint is due, if known.
        """
        boundaries = [callback.when.next_step(state.step) for callback in self.callbacks] + [checkpoint]
        limits = [self.speed.steps_in(SECONDS_PER_CALL)]
        limits += [boundary - state.step for boundary in boundaries if boundary is not None]
        left = self.duration.steps_left(start, state)
        return self.compiled.steps_until_change(state.step, min(limits) if left is None else min(*limits, left))

    def agree(self, seconds: float) -> tuple[float, str]:
        """Agree with all workers on the chief's seconds and speed, and on a signal that any of them received."""
        speed = self.speed
        signals = [self.interruption.signal_name == name for name in SIGNALS]
        numbers, received = self.runner.workers.broadcast([seconds, speed.steps, speed.seconds], signals)
        seconds, speed.steps, speed.seconds = numbers[0], int(numbers[1]), numbers[2]
        return seconds, next((name for name, anywhere in zip(SIGNALS, received, strict=True) if anywhere), "")

    def _columns(self, state: RunState) -> tuple[str, ...]:
        return self.compiled.columns(self.reader.peek(self.compiled.step.batches_per_step), state.step)


def state_after(state: RunState, stack: BatchStack, done: int, updates_per_step: int) -> RunState:
    """The state after a call that read a stack of batches and did so many steps."""
    return attrs.evolve(
        state,
        step=state.step + done,
        epoch=stack.next.epoch,
        batch=stack.next.batch,
        examples=state.examples + stack.count * stack.batch_size,
        updates=state.updates + done * updates_per_step,
    )
