"""What goes into the history. Follows `evaluator`, stands before `loop`."""

from collections.abc import Callable, Mapping

import attrs
from loguru import logger

from gantape.history import History, Split
from gantape.progress import Progress


@attrs.frozen(eq=False)
class Recorder:
    """Adds rows to a history: actions for callbacks.

    Args:
        history: Where the rows go.
        reset: Makes the running means start anew.
    """

    history: History
    reset: Callable[[], None]

    def record(self, progress: Progress) -> None:
        """Add a row of training, unless no step was done since the newest."""
        values = progress.current()
        if values:
            self._add(progress, "train", values)
            self.reset()

    def validate(self, evaluate: Callable[[], Mapping[str, float]], progress: Progress) -> None:
        """Add a row of validation, unless this step has one."""
        if self.history.last("validation").get("step") != progress.step:
            self._add(progress, "validation", evaluate())

    def _add(self, progress: Progress, split: Split, values: Mapping[str, float]) -> None:
        row = progress.record(split, values)
        text = " ".join(f"{name}={value:.6g}" for name, value in row.items() if name != "split")
        logger.info("{} {}", split, text)
