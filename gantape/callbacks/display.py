"""The progress display of a run."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, final

import attrs

from gantape.callbacks.callback import Callback, Opening
from gantape.callbacks.progress import Progress
from gantape.callbacks.views import View, choose_view
from gantape.compiler.trials import RunLength
from gantape.schedule import at_end, at_start, every
from gantape.state import RunState

SECONDS_PER_LOOK = 0.5
SECONDS_TO_MEASURE = 2.0
"""Until then, the time left is estimated from the speed of steps alone, without callbacks."""


def show_progress(description: str = "") -> Callback:
    """Show the progress of a run on the standard error stream or in a notebook. `Loop` does so by default.

    On a terminal it is a bar; in a notebook, one line that is updated in place; elsewhere, as in a pipe or a log file, a line
    after 1, 2, 5 and 10 seconds, then every 10 seconds, and every minute after ten minutes. Each shows the fraction done, the
    time left, the step, the speed, and the losses and metrics since the newest row of the history.

    ```python
    gt.Loop(task, callbacks=[gt.callbacks.show_progress("critic")])
    ```

    Args:
        description: A name to show in front, for several runs in sequence.

    Returns:
        A callback, which replaces the loop's own display.
    """
    return Callback(ProgressDisplay(description), at_start() | every(seconds=SECONDS_PER_LOOK) | at_end())


def with_display(callbacks: Sequence[Callback], progress: bool) -> list[Callback]:
    """The callbacks of a loop, with a progress display added if one is wanted and missing."""
    missing = progress and not any(isinstance(callback.owner, ProgressDisplay) for callback in callbacks)
    return [*callbacks, show_progress()] if missing else list(callbacks)


@attrs.frozen
class _Opened:
    """A run that is being shown.

    Args:
        view: The view that shows it.
        length: The length of this call of `Loop.run`.
        start: The state at its start.
        before: The fraction of the whole run that was done at its start, 0 to 1.
        clock: The time when the display was opened, in seconds.
    """

    view: View
    length: RunLength
    start: RunState
    before: float
    clock: float


@final
class ProgressDisplay:
    """An action that shows the progress of a run. `show_progress` makes a callback of it.

    Args:
        description: A name to show in front.
    """

    def __init__(self, description: str = "") -> None:
        self.description = description
        self._opened: _Opened | None = None
        self._first: RunState | None = None

    def open(self, opening: Opening) -> None:
        """Start to show a run, before its steps are compiled."""
        self.close()
        length, start = opening.length, opening.state
        before = _done_before(length, start) if opening.resumed else 0.0
        self._opened, self._first = _Opened(choose_view(), length, start, before, time.perf_counter()), None
        name = ", ".join(part for part in (type(opening.task).__name__, opening.duration) if part)
        self._opened.view.show(before, self._described(f"{name}: preparing the first step"))

    def __call__(self, progress: Progress) -> None:
        if self._opened is None:
            self.open(Opening(progress.task, "", RunLength(), progress.state))
        opened, state = self._opened, progress.state
        assert opened is not None
        if state.step > opened.start.step and self._first is None:
            self._first = state
        elapsed = time.perf_counter() - opened.clock
        if state.ended or (self._first is not None and opened.view.due(elapsed)):
            share = _share(opened, progress)
            when = f"done in {_clock(elapsed)}" if share == 1.0 else f"ended after {_clock(elapsed)}"
            fields = [f"step {progress.step:,}", _speed(progress.steps_per_second), *_values(progress)]
            left = self._seconds_left(opened, progress)
            running = f"{_clock(left)} left" if left is not None else _clock(elapsed)
            opened.view.show(share, self._described(when if state.ended else running, *fields))

    def close(self) -> None:
        """End the display; its last state stays visible."""
        if self._opened is not None:
            self._opened.view.close()
            self._opened = None

    def _described(self, *fields: str) -> list[str]:
        return [
            f"{self.description}: {fields[0]}" if self.description else fields[0],
            *(field for field in fields[1:] if field),
        ]

    def _seconds_left(self, opened: _Opened, progress: Progress) -> float | None:
        length, state, first = opened.length, progress.state, self._first
        if length.seconds is not None:
            return max(0.0, length.seconds - (state.seconds - opened.start.seconds))
        speed = progress.steps_per_second
        if first is not None and state.seconds - first.seconds > SECONDS_TO_MEASURE:
            speed = (state.step - first.step) / (state.seconds - first.seconds)
        if length.steps is None or not speed:
            return None
        return max(0, length.steps - (state.step - opened.start.step)) / speed


def _done_before(length: RunLength, start: RunState) -> float:
    """The fraction of the whole run that was done when this part of it began."""
    if length.seconds is not None:
        return start.seconds / (start.seconds + length.seconds)
    return start.step / (start.step + length.steps) if length.steps else 0.0


def _share(opened: _Opened, progress: Progress) -> float | None:
    """The fraction of the run that is done; `None` if unknown."""
    length, start, now = opened.length, opened.start, progress.state
    if length.steps is None and length.seconds is None and progress.fraction_done == 0.0:
        return None
    share = progress.fraction_done
    if share < 1.0 and length.steps:
        share = min(1.0, (now.step - start.step) / length.steps)
    return opened.before + (1.0 - opened.before) * share


def _speed(steps_per_second: float) -> str:
    if not steps_per_second:
        return ""
    places = 0 if steps_per_second >= 10.0 else 1 if steps_per_second >= 1.0 else 2
    return f"{steps_per_second:.{places}f} steps/s"


def _values(progress: Progress) -> list[str]:
    """Losses, metrics, and the metrics of the newest validation, as text."""
    values = progress.current() or progress.history.last()
    metrics = progress.task.metrics.names
    validation = progress.history.last("validation")
    checked = [f"{name} {_number(validation[name])}" for name in metrics if name in validation]
    return [
        *_losses({name: value for name, value in values.items() if name.split("/")[-1] == "loss"}),
        *(f"{name} {_number(values[name])}" for name in metrics if name in values),
        *([f"validation: {', '.join(checked)}"] if checked else []),
    ]


def _losses(losses: Mapping[str, Any]) -> Sequence[str]:
    """One field: `loss 0.5` of a task with one loss, `loss: generator 0.7, discriminator 0.6` of one with several."""
    if not losses:
        return ()
    if set(losses) == {"loss"}:
        return (f"loss {_number(losses['loss'])}",)
    return ("loss: " + ", ".join(f"{name.removesuffix('/loss')} {_number(value)}" for name, value in losses.items()),)


def _number(value: Any) -> str:
    number = float(value)
    return f"{number:.3f}" if number == 0.0 or 0.001 <= abs(number) < 1000.0 else f"{number:.3g}"


def _clock(seconds: float) -> str:
    from tqdm import tqdm  # with the first display, as in `BarView`

    return str(tqdm.format_interval(seconds))
