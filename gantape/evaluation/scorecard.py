"""All metrics of a set of samples at once."""

from typing import Any

from gantape.errors import DataError
from gantape.evaluation.classes import inception_score
from gantape.evaluation.frechet import frechet_distance
from gantape.evaluation.judge import Embedding
from gantape.evaluation.kernel import kernel_distance
from gantape.evaluation.manifolds import density_coverage, precision_recall
from gantape.evaluation.measurement import Bootstrap, Measurement
from gantape.evaluation.memorisation import latent_diversity, training_distance
from gantape.evaluation.modes import mode_coverage

_DEFAULT = Bootstrap()


def score_samples(
    samples: Embedding, *, train: Embedding, test: Embedding, bootstrap: Bootstrap = _DEFAULT
) -> tuple[Measurement, ...]:
    """Every metric that needs no labels: distances to the test examples, with baselines from the training examples.

    Args:
        samples: The judge's outputs for samples, at most as many as training examples.
        train: The same for the training examples; the first of them replace the samples to measure baselines.
        test: The same for real examples that were not trained on.
        bootstrap: Settings of the confidence intervals.

    Raises:
        DataError: If there are more samples than training examples, or too few of any.
    """
    count = len(samples.features)
    if count > len(train.features):
        raise DataError(
            "baselines are measured at the same N.",
            where="gantape.evaluation.score_samples",
            got=f"{count} samples and {len(train.features)} training examples",
            do=f"score at most {len(train.features)} samples.",
        )
    common: dict[str, Any] = {"reference": train.features, "bootstrap": bootstrap}
    classes = samples.probabilities.shape[1]
    held_out = min(count, len(test.features))
    return (
        frechet_distance(test.features, samples.features, **common),
        kernel_distance(test.features, samples.features, **common),
        inception_score(samples.probabilities, reference=train.probabilities, bootstrap=bootstrap),
        *precision_recall(test.features, samples.features, **common),
        *density_coverage(test.features, samples.features, **common),
        *mode_coverage(samples.labels, count=classes, reference=train.labels, bootstrap=bootstrap),
        latent_diversity(samples.features, **common),
        training_distance(samples.features[:held_out], train.features, reference=test.features, bootstrap=bootstrap),
    )
