"""All metrics of a set of samples at once."""

from typing import Any

import numpy as np

from gantape.errors import DataError
from gantape.evaluation.classes import inception_score
from gantape.evaluation.frechet import frechet_distance
from gantape.evaluation.judge import Embedding
from gantape.evaluation.kernel import kernel_distance
from gantape.evaluation.manifolds import density_coverage, precision_recall
from gantape.evaluation.measurement import Bootstrap, Measurement, as_features
from gantape.evaluation.memorisation import authenticity, latent_diversity, training_distance
from gantape.evaluation.modes import mode_coverage

_DEFAULT = Bootstrap()


def score_samples(
    samples: Embedding, *, train: Embedding, test: Embedding, bootstrap: Bootstrap = _DEFAULT
) -> tuple[Measurement, ...]:
    """Every metric that needs no requested labels: those of `score_features`, and those of the judge's classes.

    Args:
        samples: The judge's outputs for samples, at most as many as training examples.
        train: The same for the training examples; the first of them replace the samples to measure baselines.
        test: The same for real examples that were not trained on.
        bootstrap: Settings of the confidence intervals.

    Raises:
        DataError: If there are more samples than training examples, or too few of any.
    """
    classes = samples.probabilities.shape[1]
    return (
        *score_features(samples.features, train=train.features, held_out=test.features, bootstrap=bootstrap),
        inception_score(samples.probabilities, reference=train.probabilities, bootstrap=bootstrap),
        *mode_coverage(samples.labels, count=classes, reference=train.labels, bootstrap=bootstrap),
    )


def score_features(
    samples: Any, *, train: Any, held_out: Any = None, bootstrap: Bootstrap = _DEFAULT
) -> tuple[Measurement, ...]:
    """Every metric that needs features only: distances, quality, variety and copying, with baselines from real examples.

    Args:
        samples: Features of samples, shape `examples features`; at most as many as there are examples for the baselines.
        train: Features of the training examples.
        held_out: Features of real examples that were not trained on, which samples are then compared with; the training
            examples replace the samples to measure baselines. Without them, one half of the training examples, in a random
            order, is compared with, the other half gives the baselines, and those of copying leave one example out.
        bootstrap: Settings of the confidence intervals.

    Raises:
        ShapeError: If the sets do not have the axes `examples features`, or differ in features.
        DataError: If there are more samples than real examples for the baselines, or too few of any.
        RangeError: If a number is not finite.
    """
    where = "gantape.evaluation.score_features"
    made = as_features(samples, name="generated examples", where=where, least=4)
    known = as_features(train, name="training examples", where=where, least=8)
    if held_out is None:
        order = np.random.default_rng(bootstrap.seed).permutation(len(known))
        real, reference = known[order[len(known) // 2 :]], known[order[: len(known) // 2]]
        copying: dict[str, Any] = {"leave_one_out": True}
        few = made
    else:
        real, reference = as_features(held_out, name="held-out examples", where=where, least=4), known
        copying = {"reference": real}
        few = made[: len(real)]
    if len(made) > len(reference):
        raise DataError(
            "baselines are measured at the same N.",
            where=where,
            got=f"{len(made)} samples and {len(reference)} real examples for the baselines",
            do=f"score at most {len(reference)} samples.",
        )
    common: dict[str, Any] = {"reference": reference, "bootstrap": bootstrap}
    return (
        frechet_distance(real, made, **common),
        kernel_distance(real, made, **common),
        *precision_recall(real, made, **common),
        *density_coverage(real, made, **common),
        latent_diversity(made, **common),
        training_distance(few, known, **copying, bootstrap=bootstrap),
        authenticity(few, known, **copying, bootstrap=bootstrap),
    )
