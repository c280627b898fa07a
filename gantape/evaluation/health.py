"""How a GAN is doing, in words: rules over the history, and the action that measures the columns they read."""

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
"""The rules, those first whose failure causes others."""


def diagnose(
    history: Iterable[Row], *, pixels: tuple[float, float] = (-1.0, 1.0), rules: Iterable[Rule] = RULES
) -> tuple[Finding, ...]:
    """Say what is wrong with a GAN, from what its run recorded.

    Args:
        history: The rows, of a `History` or of a file `metrics.csv`.
        pixels: The range that the generator can make, `task.pixels`.
        rules: The rules to apply.

    Returns:
        What was found; nothing if no rule applies, which does not prove that all is well.
    """
    evidence = Evidence(list(history), pixels)
    found = (rule.find(evidence) for rule in rules)
    return tuple(finding for finding in found if finding is not None)


def watch_health(real: Batches, *, seed: int = 0) -> Callback:
    """A callback that watches over a GAN for less than a hundredth of the run's time, and says in the log what goes wrong.

    ```python
    loop = gt.Loop(task, callbacks=[gt.evaluation.watch_health(data)])
    ```

    It is a `HealthCheck` that looks at step 1, at every 50th step up to 400, then ever more rarely, and at the end. A look that
    is due and would exceed the hundredth is left out. The hundredth of the first 100 seconds may be taken at their beginning,
    and the first look, which warms up, does not count.

    Args:
        real: Batches like those of the training; the training's own will do.
        seed: The seed of the samples' latents.
    """
    return Callback(HealthCheck(real, seed=seed, share=SHARE), LookSchedule() | at_end())


class HealthCheck:
    """Measures how an adversarial task is doing, and warns in the log of each failure once: an action.

    It adds a row of split "validation" to the history:

    | column | holds |
    |---|---|
    | `separation` | how often the discriminator, as in training, scores a real and a generated example in the right order |
    | `diversity` | the mean distance between two samples, over that between two real examples, in pixels |
    | `distance` | how far samples are from the data, in blurred pixels; see below |
    | `sample_gradient` | the mean norm of the gradient of the generator's loss with respect to a sample |
    | `frozen_statistics` | batch norms whose moving statistics have never moved |
    | `real_low`, `real_high`, `fake_low`, `fake_high` | the ranges of real and generated images |

    The distance is that from a sample to the nearest of some hundred real examples: 0 where a real example has its nearest
    neighbour, 1 where it has any other one.

    At the end it says in the log which failures there still are, and which were overcome. The run's record has them under
    `health`: a list of objects with `name`, `words`, `advice`, `step` (the step at which it was first found) and `recovered`
    (the step by which it was over, or null); an empty list if all is well.

    Samples come from a seed of its own, and no variable is changed: training is the same, bit for bit, with and without it.

    Args:
        real: Batches like those of the training. Samples are conditioned on what the real examples are conditioned on.
        count: Samples each time.
        seed: The seed of their latents.
        share: The share of the run's time that it may take: a look that would exceed it is left out. `None` for any.

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
        """What it adds to the run's record."""
        return {"health": self._failures.record()}

    def state(self) -> dict[str, Any]:
        """What it noticed so far, and the time that it took."""
        budget = self._budget
        seconds = {"warm_up": budget.warm_up, "spent": budget.spent, "newest": budget.newest}
        return {"failures": self._failures.state(), "looks": self._looks, **seconds}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what it noticed before: nothing is said twice."""
        self._failures = Failures.of(state["failures"])
        self._looks = int(state["looks"])
        for name in ("warm_up", "spent", "newest"):
            setattr(self._budget, name, float(state[name]))

    def _look(self, progress: Progress) -> list[Any]:
        """Measure, and say what is new; the new failures."""
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
        """Say at the end what is wrong, and what was."""
        took = (self._budget.warm_up + self._budget.spent) / max(progress.seconds, 1e-9)
        for failure in self._failures.noticed:
            if failure.recovered is not None:
                logger.info("health: there was {}", failure)
            elif failure.name not in just_said:
                logger.warning("at the end: {}", failure)
        if not self._failures.noticed:
            logger.info("health: nothing wrong was found in {} looks ({:.1%} of the time)", self._looks, took)
