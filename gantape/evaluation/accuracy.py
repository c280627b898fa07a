"""The accuracy of a classifier that was trained on generated examples only."""

import attrs
import numpy as np

from gantape.data import ArrayBatches
from gantape.evaluation.classifier import JudgeClassifier
from gantape.evaluation.judge import Judge
from gantape.evaluation.measurement import Bootstrap, FloatArray, Measurement, check_reference, measure_mean
from gantape.evaluation.training import check_labelled, classifier_for, fit

_DEFAULT = Bootstrap()


def classifier_accuracy_score(
    samples: ArrayBatches,
    test: ArrayBatches,
    *,
    reference: ArrayBatches | None = None,
    classifier: JudgeClassifier | None = None,
    bootstrap: Bootstrap = _DEFAULT,
) -> Measurement:
    """The accuracy on real test examples of a classifier that was trained on generated ones alone (CAS).

    It detects what a conditional generator omits or mislabels, if it matters for distinguishing classes. It takes as long as
    training a judge; with a reference, twice as long.

    Args:
        samples: Batches `(images, labels)` of generated images, with pixels from 0 to 1, and the labels that were requested.
        test: Real batches `(images, labels)`, with pixels from 0 to 1.
        reference: Real training batches, at least as many as samples, for the baseline.
        classifier: The classifier to train; by default a `JudgeClassifier` that fits the images.
        bootstrap: Settings of the confidence interval, over the test examples.

    Raises:
        DataError: If the batches are not images with labels, or there are fewer reference examples than samples.
        RangeError: If the pixels do not lie between 0 and 1.

    References:
        Ravuri and Vinyals 2019, arXiv 1905.10887.
    """
    where = "gantape.evaluation.classifier_accuracy_score"
    check_labelled(test, f"{where}, argument `test`")
    images, labels = test.prepare(test.arrays)

    def right(train: ArrayBatches) -> FloatArray:
        task = classifier_for(train, classifier)
        judge = Judge(task.model, "", fit(task, train, test), train.name)
        return np.asarray(judge.embed(images).labels == labels, np.float64)

    found = right(samples)
    baseline = None
    if reference is not None:
        check_reference(reference.examples, samples.examples, where)
        cut = tuple(array[: samples.examples] for array in reference.arrays)
        baseline = float(right(attrs.evolve(reference, arrays=cut)).mean())
    return measure_mean("classifier accuracy score", found, baseline, bootstrap, count=samples.examples, least=1000)
