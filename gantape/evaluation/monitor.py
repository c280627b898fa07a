"""Sample quality during training, from a few samples, with its cost."""

import time
from typing import Any

import numpy as np
from loguru import logger

from gantape.callbacks.progress import Progress
from gantape.data import Batches
from gantape.evaluation.classes import inception_score
from gantape.evaluation.features import FeatureNetwork
from gantape.evaluation.frechet import gaussian_distance, moments
from gantape.evaluation.judge import Judge
from gantape.evaluation.measurement import Bootstrap, FloatArray
from gantape.evaluation.memorisation import pair_distances
from gantape.evaluation.samples import make_samples, real_examples

_QUICK = Bootstrap(resamples=2)


class SampleQuality:
    """Evaluates a few samples of an adversarial task: an action.

    It adds a row of split "validation" to the history. `Checkpoints(best=Best("frechet_distance"))` keeps the variables of the
    best one, and `load_best` loads them.

    | column | holds |
    |---|---|
    | `frechet_distance` | of `count` samples, from the same latents each time, to real examples |
    | `inception_score` | of these samples, by a judge that knows classes |
    | `largest_class` | the share of the most frequent class, likewise |
    | `latent_diversity` | their latent diversity, over that of real examples |
    | `evaluation_share` | the fraction of the run's time that this took so far |

    Args:
        judge: A judge, or a network whose features need no labels.
        real: Real examples that are not trained on, with pixels in the task's range.
        count: Number of samples.
        seed: Seed of their latents.
    """

    def __init__(self, judge: Judge | FeatureNetwork, real: Batches, *, count: int = 1000, seed: int = 0) -> None:
        self._judge = judge
        self._real = real
        self._count = count
        self._seed = seed
        self._seconds = 0.0
        self._moments: Any = None
        self._spread = 1.0

    def __call__(self, progress: Progress) -> None:
        started = time.perf_counter()
        task: Any = progress.task
        if self._moments is None:
            features, _ = self._seen(real_examples(task, self._real, None), task.pixels)
            self._moments, self._spread = moments(features), float(pair_distances(features, self._seed).mean())
        features, of_classes = self._seen(make_samples(task, self._count, self._seed), task.pixels)
        known_mean, known_covariance = self._moments
        values = {
            "frechet_distance": gaussian_distance(known_mean, known_covariance, *moments(features)),
            **of_classes,
            "latent_diversity": float(pair_distances(features, self._seed).mean()) / self._spread,
        }
        elapsed = time.perf_counter() - started
        self._seconds += elapsed
        share = self._seconds / (progress.seconds + elapsed)
        progress.record("validation", {**values, "evaluation_share": share})
        text = " ".join(f"{name}={value:.4g}" for name, value in values.items())
        logger.info("step {}: {} ({:.1%} of the run's time; {})", progress.step, text, share, self._judge)

    def _seen(self, images: Any, pixels: tuple[float, float]) -> tuple[FloatArray, dict[str, float]]:
        """The features of images, and the figures of their classes, if the judge knows any."""
        if isinstance(self._judge, FeatureNetwork):
            return self._judge.features(images, pixels=pixels), {}
        seen = self._judge.embed(images, pixels=pixels)
        return seen.features, {
            "inception_score": inception_score(seen.probabilities, bootstrap=_QUICK).value,
            "largest_class": float(np.bincount(seen.labels).max() / len(seen.labels)),
        }
