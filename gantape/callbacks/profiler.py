"""A profile of some steps, for TensorBoard's profiler."""

from pathlib import Path

import attrs
import tensorflow as tf
from loguru import logger

from gantape._files import unwritable
from gantape.callbacks.callback import Callback, Opening
from gantape.callbacks.progress import Progress
from gantape.errors import ScheduleError
from gantape.schedule import When, at
from gantape.state import RunState


def profile_steps(folder: str | Path, *, steps: int = 20, after: int = 20) -> Callback:
    """A callback that profiles a few steps: what runs on which thread and device, and for how long.

    The profile is for TensorBoard's profiler, the page "Look at a profile" shows how to open it. These steps take longer.

    Args:
        folder: The folder for the profile, such as the folder `tensorboard` of a run; it is written to `plugins/profile` there.
        steps: The number of steps to profile.
        after: The number of steps from the start of this call of `Loop.run` that are not profiled: the first ones compile.

    Raises:
        ScheduleError: If a number of steps is not positive.
    """
    for name, value in (("steps", steps), ("after", after)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ScheduleError(
                "a profile has a positive number of steps, and begins after the first one.",
                where=f"gantape.callbacks.profile_steps, argument `{name}`",
                got=repr(value),
                do="give positive whole numbers, such as steps=20, after=20.",
            )
    profiler = Profiler(Path(folder), steps, after)
    return Callback(profiler, _AtItsSteps(profiler))


class Profiler:
    """An action that starts a profile when it is due, and ends it when it is due again.

    Args:
        folder: The folder for the profile.
        steps: The number of steps to profile.
        after: The number of steps before them.
    """

    def __init__(self, folder: Path, steps: int, after: int) -> None:
        self._folder = folder
        self._steps = steps
        self._after = after
        self._started: int | None = None
        self._last = after + steps
        self.when = at(after, self._last)

    def open(self, opening: Opening) -> None:
        """Count steps from here: a resumed run is profiled too."""
        first = opening.state.step + self._after
        self._last = first + self._steps
        self.when = at(first, self._last)

    def __call__(self, progress: Progress) -> None:
        if self._started is not None:
            self._end(progress.step - self._started)
        elif progress.step < self._last:
            self._start(progress.step)

    def close(self) -> None:
        """End the profile of a run that ended before it."""
        if self._started is not None:
            self._end(None)

    def _start(self, step: int) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            tf.profiler.experimental.start(str(self._folder))
        except OSError as error:
            raise unwritable(self._folder, error) from None
        except tf.errors.OpError as error:  # such as another profile of this process
            logger.warning("no steps are profiled: {}", error.message)
            return
        self._started = step

    def _end(self, steps: int | None) -> None:
        self._started = None
        try:
            tf.profiler.experimental.stop()
        except tf.errors.OpError as error:
            logger.warning("the profile is lost: {}", error.message)
            return
        logger.info(
            "{} profiled: tensorboard --logdir {}",
            "the last steps are" if steps is None else f"{steps} steps are",
            self._folder,
        )


@attrs.frozen(eq=False)
class _AtItsSteps(When):
    """Due at the steps at which a profile begins and ends, which are known when the run is opened."""

    profiler: Profiler

    def due(self, before: RunState | None, now: RunState) -> bool:
        return self.profiler.when.due(before, now)

    def next_step(self, step: int) -> int | None:
        return self.profiler.when.next_step(step)
