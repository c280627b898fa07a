"""Recording of rows in the history."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import attrs
from loguru import logger

from gantape.callbacks.callback import Action, Callback
from gantape.callbacks.loggers import CSVLogger
from gantape.callbacks.progress import Progress
from gantape.errors import ScheduleError
from gantape.history import History, Split
from gantape.schedule import When, at_end, every


@attrs.frozen(eq=False)
class Recorder:
    """Adds rows to a history: `record` and `validate` are actions.

    Args:
        history: The history.
        reset: Resets the running means.
        evaluate: Computes means over the validation data, if there is any.
        run_dir: The directory for `metrics.csv`, if any.
    """

    history: History
    reset: Callable[[], None]
    evaluate: Callable[[], Mapping[str, float]] | None = None
    run_dir: Path | None = None

    on_every_worker: ClassVar[bool] = True
    """All workers read metrics and evaluate validation data together."""

    def callbacks(self, when: Sequence[When | None], *saved: Action) -> list[Callback]:
        """Callbacks that add rows when they are due, and write them to the file.

        Args:
            when: When rows of training are added, by default at the end of every epoch and of the run; and when rows of
                validation are, by default together with those of training.
            saved: Actions of the loop whose state is saved with the run.

        Raises:
            ScheduleError: If validation has a schedule and there is no validation data.
        """
        record, validate = when
        if validate is not None and self.evaluate is None:
            raise ScheduleError(
                "there is no data to validate on.",
                where="gantape.Loop.run, argument `validate`",
                got=f"{validate}, and no `validation`",
                do="give validation=..., batches that the task is evaluated on.",
            )
        record = every(epochs=1) | at_end() if record is None else record
        validate = record if validate is None else validate
        callbacks = [Callback(self.record, record)]
        if self.evaluate is not None:
            callbacks.append(Callback(self.validate, validate))
        if self.run_dir is not None:
            callbacks.append(Callback(CSVLogger(self.run_dir / "metrics.csv"), record | validate))
        return [*callbacks, *(Callback(action, at_end()) for action in saved)]

    def record(self, progress: Progress) -> None:
        """Add a row of training, if steps were done since the newest."""
        values = progress.current()
        if values:
            self._add(progress, "train", values)
            self.reset()

    def validate(self, progress: Progress) -> None:
        """Add a row of validation, unless this step has one already."""
        if self.evaluate is not None and self.history.last("validation").get("step") != progress.step:
            self._add(progress, "validation", self.evaluate())

    def _add(self, progress: Progress, split: Split, values: Mapping[str, float]) -> None:
        row = progress.record(split, values)
        text = " ".join(f"{name}={value:.6g}" for name, value in row.items() if name != "split")
        logger.info("{} {}", split, text)
