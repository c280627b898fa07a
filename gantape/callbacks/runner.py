"""Calls the callbacks that are due."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from gantape.callbacks.callback import Callback, Stop
from gantape.callbacks.progress import Progress
from gantape.distribute.workers import Workers
from gantape.errors import ScheduleError
from gantape.history import History
from gantape.state import RunState
from gantape.tasks import Task
from gantape.tasks.variables import learning_rates, named_variables


@attrs.frozen(eq=False)
class CallbackRunner:
    """Calls actions with a run's progress.

    With several workers, actions are the chief's, which alone writes; only what records rows is called on every worker, for
    metrics are read by all together. What the chief's actions answer, and learning rates that they set, hold for all.

    Args:
        task: What is trained.
        history: Its rows.
        run_dir: The run's directory, if it has one.
        current: Reads the means of losses and metrics since the newest row.
        workers: Who takes part.
    """

    task: Task
    history: History
    run_dir: Path | None
    current: Callable[[], dict[str, float]]
    workers: Workers

    def call(self, due: Sequence[Callback], state: RunState, steps_per_second: float, share: float) -> str:
        """Call what is due; returns why the run is to stop, or nothing.

        Raises:
            ScheduleError: If an action returns something else than a `Stop` or nothing.
        """
        current = self._read_by_all() if self.workers.several and due else self.current
        reason = ""
        for callback in due:
            everywhere = self.workers.runs_everywhere(callback.owner)
            if self.workers.runs_here(callback.owner):
                self.workers.chief_only(not everywhere)
                progress = Progress(self.task, state, steps_per_second, share, self.history, self.run_dir, current)
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
        """The chief's answer and learning rates."""
        rates = learning_rates(self.task)
        (stop, *told), _ = self.workers.broadcast([float(bool(reason)), *rates.values()])
        for (name, own), rate in zip(rates.items(), told, strict=True):
            if own != rate:
                named_variables(self.task)[name].assign(rate)
        return (reason or "the chief's action") if stop else ""


def _check_answer(answer: Any, action: Any) -> None:
    if not isinstance(answer, Stop | None):
        raise ScheduleError(
            "an action returns nothing, or a Stop to end the run.",
            where=f"callback {getattr(action, '__qualname__', type(action).__name__)}",
            got=repr(answer),
            do='return gantape.Stop("why"), or nothing.',
        )
