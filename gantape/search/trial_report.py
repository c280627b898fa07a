"""Reports of a run to a trial of Optuna, which may end it early."""

from typing import Any

from gantape.callbacks import Stop
from gantape.callbacks.progress import Progress
from gantape.history import History, Split
from gantape.loop.signals import SIGNALS


class TrialReport:
    """Reports a column of the history to a trial, and ends the run if the trial's pruner finds it hopeless: an action.

    The callback belongs behind the one that records the column, with the same schedule:

    ```python
    when = gt.every(steps=500) | gt.at_end()
    report = search.TrialReport(trial, "frechet_distance")
    loop = gt.Loop(task, callbacks=[gt.Callback(quality, when), gt.Callback(report, when)])
    return report.result(loop.run(data, minutes=2))
    ```

    Args:
        trial: The trial, an `optuna.Trial`.
        column: The column, which the study minimises or maximises.
        split: The split of its rows, "train" or "validation".
    """

    def __init__(self, trial: Any, column: str, split: Split = "validation") -> None:
        self._trial = trial
        self._column = column
        self._split = split
        self._reported: int | None = None
        self._pruned = False

    def __call__(self, progress: Progress) -> Stop | None:
        rows = (row for row in reversed(progress.history.rows) if row["split"] == self._split and self._column in row)
        row = next(rows, None)
        if row is None or row["step"] != progress.step or self._reported == progress.step:
            return None
        self._trial.report(float(row[self._column]), progress.step)
        self._reported = progress.step
        if progress.state.ended or not self._trial.should_prune():
            return None
        self._pruned = True
        return Stop("the pruner of the study")

    def result(self, history: History) -> float:
        """The result of the trial: the newest value of the column.

        Args:
            history: The history of the run.

        Raises:
            optuna.TrialPruned: If the trial's pruner has ended the run.
            KeyboardInterrupt: If Ctrl-C has, or SIGTERM: the study ends, too.
            MetricError: If the history has no such column.
        """
        import optuna

        if history.stopped_by in SIGNALS:
            raise KeyboardInterrupt(history.stopped_by)
        newest = history.values(self._column, self._split)[-1]
        if self._pruned:
            raise optuna.TrialPruned(f"{self._column} was {newest:.4g} at step {self._reported}")
        return newest
