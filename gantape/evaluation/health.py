"""How a GAN is doing, in words: rules over the history, and the action that measures what they read."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import scipy.stats
import tensorflow as tf
from loguru import logger

from gantape.callbacks.progress import Progress
from gantape.data import Batches
from gantape.evaluation.copies import pair_distances
from gantape.evaluation.rules import (
    DiscriminatorHasWon,
    Diverging,
    Evidence,
    Finding,
    ForgottenTraining,
    ModeCollapse,
    Oscillating,
    Rule,
    VanishingGradient,
    WrongRange,
)
from gantape.evaluation.samples import real_batch
from gantape.random.rng import RandomStreams
from gantape.tasks.scorer import Scorer
from gantape.types import Model, Row

RULES: tuple[Rule, ...] = (
    WrongRange(),
    ForgottenTraining(),
    Diverging(),
    DiscriminatorHasWon(),
    VanishingGradient(),
    ModeCollapse(),
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


class HealthCheck:
    """Measures how an adversarial task is doing, and warns in the log of each failure once: an action.

    It adds a row of split "validation" to the history:

    | column | holds |
    |---|---|
    | `separation` | the probability that the discriminator's scores of a real and a generated example are in the right order |
    | `diversity` | the mean distance between two samples, over that between two real examples, in pixels |
    | `frozen_statistics` | batch norms whose moving statistics have never moved |
    | `real_low`, `real_high`, `fake_low`, `fake_high` | the ranges of real and generated images |

    Norms of gradients are seen if the loop records them: `Loop(..., gradient_norms=True)`.

    Args:
        real: Batches like those of the training. Samples are told by what the real examples are told by.
        count: Samples each time, and real examples.
        seed: The seed of their latents.
    """

    def __init__(self, real: Batches, *, count: int = 256, seed: int = 0) -> None:
        self._real = real
        self._count = count
        self._seed = seed
        self._batch: Any = None
        self._warned: set[str] = set()

    def __call__(self, progress: Progress) -> None:
        task: Any = progress.task
        if self._batch is None:
            self._batch = real_batch(task, self._real, self._count)
        real = np.asarray(task.real_examples(self._batch))
        rng = RandomStreams(self._seed)
        fake = np.asarray(task.sample(len(real), rng, self._batch))
        judge = Scorer(task.discriminator, (), task.condition, task.condition.sample(len(real), self._batch, rng), rng)
        values = {
            "separation": separation(*[judge(tf.convert_to_tensor(seen), training=False) for seen in (real, fake)]),
            "diversity": _spread(fake) / max(_spread(real), 1e-12),
            "frozen_statistics": float(frozen_statistics(task.generator) + frozen_statistics(task.discriminator)),
        }
        if real.ndim == 4:
            ends = {"real_low": real.min(), "real_high": real.max(), "fake_low": fake.min(), "fake_high": fake.max()}
            values |= {name: float(end) for name, end in ends.items()}
        progress.record("validation", values)
        for finding in diagnose(progress.history, pixels=task.pixels):
            if finding.name not in self._warned:
                self._warned.add(finding.name)
                logger.warning("step {}: {}", progress.step, finding)


def separation(real_scores: Any, fake_scores: Any) -> float:
    """The probability that scores of a real and of a generated example are in the right order, ties counted half.

    It is the area under the ROC curve: 0.5 where the discriminator knows nothing, 1 where it knows all, whatever the loss.
    Where the loss gives real examples the lower score (as the Keras guide's does), the order is the other one.

    Args:
        real_scores: Any shape.
        fake_scores: Any shape.
    """
    real, fake = np.ravel(real_scores), np.ravel(fake_scores)
    ranks = scipy.stats.rankdata(np.concatenate([real, fake]))
    area = (ranks[: len(real)].sum() - len(real) * (len(real) + 1) / 2.0) / (len(real) * len(fake))
    return float(max(area, 1.0 - area))


def frozen_statistics(model: Model) -> int:
    """How many layers of batch norm still have the moving statistics that they began with."""
    layers: Any = getattr(model, "_flatten_layers", list)()
    found = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    return sum(
        bool(np.all(np.asarray(layer.moving_mean) == 0.0) and np.all(np.asarray(layer.moving_variance) == 1.0))
        for layer in found
    )


def _spread(examples: Any) -> float:
    return float(pair_distances(examples.reshape(len(examples), -1), seed=0).mean())
