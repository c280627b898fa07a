"""When checkpoints are saved, and which are kept."""

import attrs

from gantape.errors import ScheduleError, listed, warn
from gantape.history import History, Split, measured
from gantape.schedule import When, every

_EVERY_THREE_MINUTES = every(seconds=180.0)


@attrs.frozen
class Best:
    """Which checkpoint is the best, by a column of the history.

    Args:
        column: A column of the history, such as "loss".
        split: The split of the rows, "train" or "validation".
        largest: Whether the largest value is the best, as for an accuracy, or the smallest.
    """

    column: str = "loss"
    split: Split = "validation"
    largest: bool = False

    def value(self, history: History, step: int) -> float | None:
        """The value of the newest row, if the row is of this step and better than all earlier ones."""
        rows = [row for row in history if row["split"] == self.split and self.column in row]
        if not rows or rows[-1]["step"] != step:
            return None
        values = [float(row[self.column]) for row in rows]
        *before, newest = values if self.largest else [-value for value in values]
        return values[-1] if all(newest > value for value in before) else None

    def warn_if_absent(self, history: History) -> None:
        """Warn if no row of the split has the column, so that no checkpoint can be the best."""
        rows = [row for row in history if row["split"] == self.split]
        if any(self.column in row for row in rows):
            return
        columns = dict.fromkeys(name for row in rows for name in measured(row))
        without = 'give Loop.run validation=...; without validation data, gantape.Best("loss", split="train").'
        warn(
            "no checkpoint is marked as the best: no row has the column that decides.",
            where="gantape.Checkpoints, argument `best`",
            got=f"{self}, where rows have {listed(list(columns))}" if rows else f"{self}, and no row of this split",
            do='name one of these: gantape.Best("loss"), say.' if rows else without,
        )


@attrs.frozen
class Checkpoints:
    """When checkpoints are saved, and which are kept.

    One is saved after the first call, whenever `every` is due, and when the run ends, after an error or Ctrl-C too.

    Args:
        every: When checkpoints are saved. Each costs the time to write all variables, which `run.json` has.
        keep: How many of the newest are kept. With only one, there is none to fall back on if it is damaged.
        best: Which checkpoint is kept besides, however old it is. It is saved when its row is recorded.

    Raises:
        ScheduleError: If an argument has the wrong type.
    """

    every: When = _EVERY_THREE_MINUTES
    keep: int = 3
    best: Best | None = None

    def __attrs_post_init__(self) -> None:
        wrong = (
            not isinstance(self.every, When)
            or not isinstance(self.keep, int)
            or isinstance(self.keep, bool)
            or self.keep < 1
            or not isinstance(self.best, Best | None)
        )
        if wrong:
            raise ScheduleError(
                "checkpoints have a schedule, and at least one is kept.",
                where="gantape.Checkpoints",
                got=f"every={self.every!r}, keep={self.keep!r}, best={self.best!r}",
                do='write gantape.Checkpoints(every=gantape.every(seconds=60), keep=3, best=gantape.Best("loss")), say.',
            )
