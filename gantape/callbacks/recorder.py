"""Recording of rows in the history."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import attrs
from loguru import logger

from gantape.callbacks.callback import Action, Callback
from gantape.callbacks.loggers import CSVLogger
from gantape.callbacks.progress import Progress
from gantape.history import History, Split
from gantape.schedule import When


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

    def callbacks(self, when: When) -> list[Callback]:
        """Callbacks that add rows when they are due, and write them to the file."""
        actions: list[Action] = [self.record]
        if self.evaluate is not None:
            actions.append(self.validate)
        if self.run_dir is not None:
            actions.append(CSVLogger(self.run_dir / "metrics.csv"))
        return [Callback(action, when) for action in actions]

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
