"""Does what is due."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

from gantape.callbacks import Callback
from gantape.callbacks.progress import Progress
from gantape.checkpoints.standing import Standing
from gantape.distribute.workers import Workers
from gantape.history import History
from gantape.loop.checks import check_answer
from gantape.loop.duration import Speed
from gantape.loop.signals import SIGNALS, Interruption
from gantape.tasks import Task
from gantape.tasks.variables import learning_rates, named_variables


@attrs.frozen(eq=False)
class Acting:
    """Calls actions with a run's progress.

    With several workers, actions are the chief's, which alone writes; only what records rows is called on every worker, for
    metrics are read by all together. What the chief's actions answer, and learning rates that they set, hold for all.

    Args:
        task: What is trained.
        standing: Where the run stands.
        history: Its rows.
        run_dir: Its directory, if it has one.
        current: Reads the means of losses and metrics since the newest row.
        workers: Who takes part.
    """

    task: Task
    standing: Standing
    history: History
    run_dir: Path | None
    current: Callable[[], dict[str, float]]
    workers: Workers

    def act(self, due: Sequence[Callback], share: float, speed: Speed) -> str:
        """Do what is due; returns why the run is to stop, or nothing."""
        here = self.standing
        current = self._read_by_all() if self.workers.several and due else self.current
        reason = ""
        for callback in due:
            everywhere = self.workers.on_all(callback.owner)
            if self.workers.does(callback.owner):
                self.workers.only_here(not everywhere)
                progress = Progress(
                    self.task, here.moment, here.examples, here.updates, speed.steps_per_second, share, self.history,
                    self.run_dir, current,
                )  # fmt: skip
                answer = callback.action(progress)
                self.workers.only_here(False)
                check_answer(answer, callback.action)
                reason = reason or ("" if answer is None else answer.reason)
            if everywhere and self.workers.several:
                current = self._read_by_all()
        here.acted = here.moment
        return self._told(reason) if self.workers.several and due else reason

    def agree(self, seconds: float, interruption: Interruption, speed: Speed) -> tuple[float, str]:
        """Seconds and speed as the chief has them, and the signal that any worker was sent: the same on all workers."""
        signals = [interruption.signal_name == name for name in SIGNALS]
        told, sent = self.workers.tell([seconds, speed.steps, speed.seconds], signals)
        speed.steps, speed.seconds = int(told[1]), told[2]
        return told[0], next((name for name, anywhere in zip(SIGNALS, sent, strict=True) if anywhere), "")

    def _read_by_all(self) -> Callable[[], dict[str, float]]:
        values: Mapping[str, float] = self.current()
        return lambda: dict(values)

    def _told(self, reason: str) -> str:
        """The chief's answer and learning rates."""
        rates = learning_rates(self.task)
        (stop, *told), _ = self.workers.tell([float(bool(reason)), *rates.values()])
        for (name, own), rate in zip(rates.items(), told, strict=True):
            if own != rate:
                named_variables(self.task)[name].assign(rate)
        return (reason or "the chief's action") if stop else ""
