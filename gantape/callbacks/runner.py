"""Calls the callbacks that are due."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from gantape.callbacks.callback import Callback, Opener, Opening, Stop
from gantape.callbacks.progress import Progress
from gantape.distribute.workers import Workers
from gantape.errors import ScheduleError
from gantape.history import History
from gantape.state import RunState
from gantape.tasks import Task
from gantape.tasks.variables import rates_of_updates


@attrs.frozen(eq=False)
class CallbackRunner:
    """Calls actions with the run's progress.

    With several workers, only the chief calls actions, apart from those that record rows: all workers read metrics together.
    The `Stop` that the chief's actions return and the learning rates that they set apply to all workers.

    Args:
        task: The task that is trained.
        history: The rows of the run.
        run_dir: The run's directory, if it has one.
        current: Returns the means of losses and metrics since the newest row.
        workers: The workers of the run.
    """

    task: Task
    history: History
    run_dir: Path | None
    current: Callable[[], dict[str, float]]
    workers: Workers

    def open(self, callbacks: Sequence[Callback], stack: contextlib.ExitStack, opening: Opening) -> None:
        """Open this worker's actions before steps are compiled, and let the stack close them, in the order of the callbacks.

        Args:
            callbacks: The callbacks of the run.
            stack: Calls the `close` of each action that has one.
            opening: The run.
        """
        actions = [callback.action for callback in callbacks if self.workers.runs_here(callback.owner)]
        for action in reversed(actions):
            stack.callback(getattr(action, "close", lambda: None))
        for action in actions:
            if isinstance(action, Opener):
                action.open(opening)

    def call(
        self,
        due: Sequence[Callback],
        state: RunState,
        steps_per_second: float,
        share: float,
        columns: Callable[[], tuple[str, ...]] = tuple,
    ) -> str:
        """Call the callbacks that are due; returns why the run is to stop, or an empty text.

        Raises:
            ScheduleError: If an action returns anything but a `Stop` or `None`.
        """
        current = self._read_by_all() if self.workers.several and due else self.current
        reason = ""
        for callback in due:
            everywhere = self.workers.runs_everywhere(callback.owner)
            if self.workers.runs_here(callback.owner):
                self.workers.chief_only(not everywhere)
                progress = Progress(self.task, state, steps_per_second, share, self.history, self.run_dir, current, columns)
                answer = callback.action(progress)
                self.workers.chief_only(False)
                _check_answer(answer, callback.action)
                reason = reason or ("" if answer is None else answer.reason)
            if everywhere and self.workers.several:
                current = self._read_by_all()
        return self._agreed(reason) if self.workers.several and due else reason

    def _read_by_all(self) -> Callable[[], dict[str, float]]:
        values: Mapping[str, float] = self.current()
        return lambda: dict(values)

    def _agreed(self, reason: str) -> str:
        """Why the run is to stop according to the chief, after adopting the learning rates that it has."""
        variables = rates_of_updates(self.task)
        rates = [float(variable.numpy()) for variable in variables]
        (stop, *chief_rates), _ = self.workers.broadcast([float(bool(reason)), *rates])
        for variable, own, rate in zip(variables, rates, chief_rates, strict=True):
            if own != rate:
                variable.assign(rate)
        return (reason or "the chief's action") if stop else ""


def _check_answer(answer: Any, action: Any) -> None:
    if not isinstance(answer, Stop | None):
        raise ScheduleError(
            "an action returns nothing, or a Stop to end the run.",
            where=f"callback {getattr(action, '__qualname__', type(action).__name__)}",
            got=repr(answer),
            do='return gantape.Stop("why"), or nothing.',
        )
