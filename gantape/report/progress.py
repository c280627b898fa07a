"""Where a run stands: a live bar on a terminal, plain lines elsewhere."""

import sys
from typing import Any

import attrs
from loguru import logger
from tqdm import tqdm

from gantape.callbacks import Callback
from gantape.callbacks.progress import Progress
from gantape.schedule import at_end, at_start, every

SECONDS_PER_LINE = 10.0
SECONDS_PER_FRAME = 0.5


def show_progress() -> Callback:
    """A bar if the standard error stream is a terminal, else a line in the log every ten seconds.

    The lines go to the log of gantape: `loguru.logger.enable("gantape")` shows them.
    """
    if sys.stderr.isatty():
        return Callback(ProgressBar(), at_start() | every(seconds=SECONDS_PER_FRAME) | at_end())
    return Callback(ProgressLines(), every(seconds=SECONDS_PER_LINE) | at_end())


class ProgressBar:
    """A live bar on the standard error stream: an action.

    It shows the share of the run that is done, steps, steps per second, time left, losses and metrics.
    """

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=1.0,
                dynamic_ncols=True,
                bar_format="{percentage:3.0f}% |{bar}| {elapsed}<{remaining} {desc}",
            )
        self._bar.n = progress.fraction_done
        self._bar.set_description_str(_describe(progress), refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it stands, and go to the next line."""
        if self._bar is not None:
            self._bar.close()


@attrs.frozen
class ProgressLines:
    """A line in the log: an action. It says what `ProgressBar` shows."""

    def __call__(self, progress: Progress) -> None:
        left = f"{_clock(_seconds_left(progress))} left" if progress.fraction_done else "time left unknown"
        logger.info("{:.0%} done, {}, {}", progress.fraction_done, left, _describe(progress))


def _describe(progress: Progress) -> str:
    values = progress.current() or progress.history.last()
    shown = [name for name in values if name.split("/")[-1] == "loss" or name in progress.task.metrics.names]
    speed = f"{progress.steps_per_second:.1f} steps/s"
    return " ".join([f"step {progress.step:,}", speed, *(f"{name} {float(values[name]):.3f}" for name in shown)])


def _seconds_left(progress: Progress) -> float:
    return progress.seconds * (1.0 / progress.fraction_done - 1.0)


def _clock(seconds: float) -> str:
    return str(tqdm.format_interval(seconds))
