"""Health checks of GANs: rules over the history, and the action that measures the columns that they read."""

from collections.abc import Iterable
from typing import Any

from loguru import logger

from gantape.callbacks import Callback
from gantape.callbacks.progress import Progress
from gantape.data import Batches
from gantape.evaluation.evidence import Evidence, Finding, Rule
from gantape.evaluation.rules import (
    DiscriminatorHasWon,
    Diverging,
    ForgottenTraining,
    ModeCollapse,
    Oscillating,
    SamplesStayFar,
    VanishingGradient,
    WrongRange,
)
from gantape.evaluation.vital_signs import VitalSigns
from gantape.evaluation.watching import Failures, LookSchedule, TimeBudget
from gantape.schedule import at_end
from gantape.types import Row

SHARE = 0.01

RULES: tuple[Rule, ...] = (
    WrongRange(),
    ForgottenTraining(),
    Diverging(),
    DiscriminatorHasWon(),
    VanishingGradient(),
    ModeCollapse(),
    SamplesStayFar(),
    Oscillating(),
)
"""All rules; those whose failures cause others come first."""


def diagnose(
    history: Iterable[Row], *, pixels: tuple[float, float] = (-1.0, 1.0), rules: Iterable[Rule] = RULES
) -> tuple[Finding, ...]:
    """Diagnose a GAN from the history of its run.

    Args:
        history: The rows of a `History` or of a file `metrics.csv`.
        pixels: The generator's range, `task.pixels`.
        rules: The rules to apply.

    Returns:
        The findings; an empty tuple is no proof that all is well.
    """
    evidence = Evidence(list(history), pixels)
    found = (rule.find(evidence) for rule in rules)
    return tuple(finding for finding in found if finding is not None)


def watch_health(real: Batches, *, seed: int = 0) -> Callback:
    """A callback that monitors a GAN in less than 1 % of the run's time, and logs what goes wrong.

    ```python
    loop = gt.Loop(task, callbacks=[gt.evaluation.watch_health(data)])
    ```

    It is a `HealthCheck` at step 1, at every 100th step up to 400, then at growing intervals, and at the end. A check that
    would exceed 1 % is skipped. What the first minute allows may be used at once.

    Args:
        real: Batches like those of the training, or these themselves.
        seed: The seed of the samples' latents.
    """
    return Callback(HealthCheck(real, seed=seed, share=SHARE), LookSchedule() | at_end())


class HealthCheck:
    """Measures the health of an adversarial task, and logs a warning once for each failure: an action.

    It adds a row of split "validation" to the history:

    | column | holds |
    |---|---|
    | `separation` | how often the discriminator, in training mode, scores a real and a generated example in the right order |
    | `diversity` | the mean distance between two samples, over that between two real examples, in pixels |
    | `spacing` | the median distance from a sample to the nearest other one, over that of real examples, in blurred pixels |
    | `distance` | distance of samples from the data, in blurred pixels; see below |
    | `sample_gradient` | the mean norm of the gradient of the generator's loss with respect to a sample |
    | `frozen_statistics` | batch norms whose moving statistics have never changed |
    | `real_low`, `real_high`, `fake_low`, `fake_high` | the ranges of real and generated images |

    The distance is that from a sample to the nearest of some hundred real examples, scaled to 0 for the distance between
    nearest real neighbours and to 1 for the distance between random real examples.

    At the end it logs which failures remain and which were overcome. The run's record has them under `health`: a list of
    objects with `name`, `words`, `advice`, `step` (the step at which it was first found) and `recovered` (the step by which it
    was over, or null); an empty list if all is well.

    Samples come from a separate seed, and no variable is changed: training is bit-identical with and without it.

    Args:
        real: Batches like those of the training. Samples get the conditioning of the real examples.
        count: Samples per check.
        seed: Seed of their latents.
        share: Largest fraction of the run's time: a check that would exceed it is skipped. `None` for no limit.

    Raises:
        TaskError: When it is called, if the task is not adversarial.
    """

    def __init__(self, real: Batches, *, count: int = 32, seed: int = 0, share: float | None = None) -> None:
        self._real = real
        self._count = count
        self._seed = seed
        self._signs: VitalSigns | None = None
        self._failures = Failures()
        self._budget = TimeBudget(share)
        self._looks = 0
        self._newest: int | None = None

    def __call__(self, progress: Progress) -> None:
        new = []
        if self._newest != progress.step and self._budget.allows(progress.seconds):
            with self._budget.measured():
                new = self._look(progress)
        if progress.state.ended:
            self._sum_up(progress, {failure.name for failure in new})

    def facts(self) -> dict[str, Any]:
        """Facts for the run's record."""
        return {"health": self._failures.record()}

    def state(self) -> dict[str, Any]:
        """The failures so far, and the time that checks took."""
        seconds = {"spent": self._budget.spent, "newest": self._budget.newest}
        return {"failures": self._failures.state(), "looks": self._looks, **seconds}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue with the earlier failures, which are not logged again."""
        self._failures = Failures.of(state["failures"])
        self._looks = int(state["looks"])
        self._budget.spent, self._budget.newest = float(state["spent"]), float(state["newest"])

    def _look(self, progress: Progress) -> list[Any]:
        """Measure, log what is new, and return the new failures."""
        task: Any = progress.task
        if self._signs is None:
            self._signs = VitalSigns(task, self._real, self._count, self._seed)
        progress.record("validation", self._signs.measure())
        self._newest = progress.step
        self._looks += 1
        new, over = self._failures.note(diagnose(progress.history, pixels=task.pixels), progress.step)
        if new:
            others = ", ".join(failure.name for failure in new[1:])
            logger.warning("step {}: {}{}", progress.step, new[0], f" (Also: {others}.)" if others else "")
        for failure in over:
            logger.info("step {}: {}", progress.step, failure)
        return new

    def _sum_up(self, progress: Progress, just_said: set[str]) -> None:
        """Log at the end what is wrong, and what was."""
        took = self._budget.spent / max(progress.seconds, 1e-9)
        for failure in self._failures.noticed:
            if failure.recovered is not None:
                logger.info("health: there was {}", failure)
            elif failure.name not in just_said:
                logger.warning("at the end: {}", failure)
        if not self._failures.noticed:
            logger.info("health: nothing wrong was found in {} checks ({:.1%} of the time)", self._looks, took)
