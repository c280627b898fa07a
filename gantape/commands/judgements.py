"""The two ways to judge the samples of a run: by a classifier of its labelled data, or by features that need no labels."""

from pathlib import Path
from typing import Any

import attrs
import numpy as np

from gantape import evaluation
from gantape.commands.finished_run import FinishedRun
from gantape.commands.training_images import images_of
from gantape.conditioning import ClassLabels


@attrs.frozen(eq=False)
class Classes:
    """The classes of samples, as a classifier sees them, and those of real images.

    Args:
        samples: Of samples, integers from 0.
        real: Of real images.
        count: The number of classes.
    """

    samples: np.ndarray[Any, np.dtype[np.int64]]
    real: np.ndarray[Any, np.dtype[np.int64]]
    count: int


@attrs.frozen(eq=False)
class Judgement:
    """The figures of a run's samples.

    Args:
        judge: The network that the figures come from, in words.
        facts: The same for the report.
        measured: The figures.
        samples: The samples, with pixels from 0 to 1.
        train: Training images, with pixels from 0 to 1.
        classes: Their classes, if they were judged by a classifier.
    """

    judge: str
    facts: dict[str, Any]
    measured: tuple[evaluation.Measurement, ...]
    samples: Any
    train: Any
    classes: Classes | None = None


@attrs.frozen
class FeaturesFlags:
    """Where features and images come from that need no labels.

    Args:
        data: The folder of the training images of a run on a folder; by default where the run found it.
        held_out: A folder of real images that the run was not trained on. Without them, one half of the training images is
            compared with samples, and the other half, in place of samples, gives what real images reach.
        features: A network whose outputs are compared: a .keras file, which runs no code, or the folder of a SavedModel that
            you trust. By default a run on a folder or on photographs gets features that are learnt from its images.
        features_pixels: The values of black and white that this network was trained with.
    """

    data: Path | None = None
    held_out: Path | None = None
    features: Path | None = None
    features_pixels: tuple[float, float] = (-1.0, 1.0)

    @property
    def given(self) -> bool:
        """Whether anything was asked for that a classifier of labelled data does not use."""
        return any(flag is not None for flag in (self.data, self.held_out, self.features))


def judge_classes(run: FinishedRun, count: int, seed: int, steps: int | None) -> Judgement:
    """Judge samples by a classifier of the run's labelled data."""
    task = run.task()
    (train, test), pixels = run.data(), task.pixels
    judge = evaluation.train_judge(train, test, classifier=evaluation.JudgeClassifier(**_steps(steps)))
    known, held_out = (judge.embed(part.arrays[0], pixels=(0, 255)) for part in (train, test))
    count = min(count, train.examples)
    samples = evaluation.make_samples(task, count, seed)
    seen = judge.embed(samples, pixels=pixels)
    measured = evaluation.score_samples(seen, train=known, test=held_out)
    if isinstance(task.condition, ClassLabels):
        requested = evaluation.drawn_labels(task, count, seed)
        measured += (evaluation.label_accuracy(requested, seen.labels, real_accuracy=judge.accuracy),)
    return Judgement(
        str(judge),
        {"identity": judge.identity, "accuracy": judge.accuracy, "data": judge.data},
        measured,
        _from_0_to_1(samples, pixels),
        train.arrays[0] / np.float32(255.0),
        Classes(seen.labels, held_out.labels, seen.probabilities.shape[1]),
    )


def judge_features(run: FinishedRun, count: int, seed: int, steps: int | None, flags: FeaturesFlags) -> Judgement:
    """Judge samples by features that need no labels."""
    task = run.task()
    height, width, channels = task.generator.output_shape[1:]
    images = images_of(run, (height, width, channels), flags.data, flags.held_out)
    if flags.features is None:
        classifier = evaluation.TransformationClassifier(height=height, width=width, channels=channels, **_steps(steps))
        network = evaluation.learn_features(images.train, name=images.name, classifier=classifier)
    else:
        network = evaluation.load_features(flags.features, pixels=flags.features_pixels)
    held_out = None if images.held_out is None else network.features(images.held_out, pixels=(0, 255))
    count = min(count, len(images.train) // 2 if held_out is None else len(images.train))
    samples = evaluation.make_samples(task, count, seed)
    seen, known = network.features(samples, pixels=task.pixels), network.features(images.train, pixels=(0, 255))
    return Judgement(
        str(network),
        {"identity": network.identity, "source": network.source, "images": len(images.train), "held_out": held_out is not None},
        evaluation.score_features(seen, train=known, held_out=held_out),
        _from_0_to_1(samples, task.pixels),
        images.train / np.float32(255.0),
    )


def _steps(steps: int | None) -> dict[str, Any]:
    return {} if steps is None else {"steps": steps}


def _from_0_to_1(images: Any, pixels: tuple[float, float]) -> Any:
    return (images - pixels[0]) / (pixels[1] - pixels[0])
