"""A profile of some steps, for TensorBoard's profiler."""

from pathlib import Path
from typing import Any

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

    The profile is for TensorBoard's profiler, XProf. Each of these steps is a call of its own, and takes a little longer.

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
    """An action that starts a profile, marks each step in it, and ends it.

    Args:
        folder: The folder for the profile.
        steps: The number of steps to profile.
        after: The number of steps before them.
    """

    def __init__(self, folder: Path, steps: int, after: int) -> None:
        self._folder = folder
        self._steps = steps
        self._after = after
        self._first = after
        self._begun = False
        self._done = 0
        self._mark: Any = None  # of the step that is being profiled
        self.when = at(after)

    def open(self, opening: Opening) -> None:
        """Count steps from here: a resumed run is profiled too."""
        self._first, self._begun = opening.state.step + self._after, False
        self.when = at(*range(self._first, self._first + self._steps + 1))

    def __call__(self, progress: Progress) -> None:
        if self._mark is None:
            if progress.step != self._first or progress.state.ended:
                return
            self._begun = True
            if not self._start():
                return
        else:
            self._mark.__exit__(None, None, None)
        self._done = progress.step - self._first
        if self._done == self._steps or progress.state.ended:
            self._end()
        else:  # the profiler takes what has a number and this flag for a step; it begins here
            self._mark = tf.profiler.experimental.Trace("step", step_num=progress.step, _r=1)

    def close(self) -> None:
        """End the profile of a run that was ended by something else, or say that the run ended before it."""
        if self._mark is not None:
            self._mark.__exit__(None, None, None)
            self._end()
        elif not self._begun:
            logger.warning("no steps are profiled: the run ended before step {}", self._first + 1)

    def _start(self) -> bool:
        """Start the profile; whether this was possible."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            tf.profiler.experimental.start(str(self._folder))
        except OSError as error:
            raise unwritable(self._folder, error) from None
        except tf.errors.OpError as error:  # such as another profile of this process
            logger.warning("no steps are profiled: {}", error.message)
            return False
        return True

    def _end(self) -> None:
        self._mark = None
        try:
            tf.profiler.experimental.stop()
        except tf.errors.OpError as error:
            logger.warning("the profile is lost: {}", error.message)
            return
        logger.info("{} steps are profiled: tensorboard --logdir {}", self._done, self._folder)


@attrs.frozen(eq=False)
class _AtItsSteps(When):
    """Due before and after each step of a profile, which are known when the run is opened."""

    profiler: Profiler

    def due(self, before: RunState | None, now: RunState) -> bool:
        return self.profiler.when.due(before, now)

    def next_step(self, step: int) -> int | None:
        return self.profiler.when.next_step(step)
