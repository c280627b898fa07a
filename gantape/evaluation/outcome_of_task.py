"""The outcome of a task: a judgement of its samples, or of translations of held-out images."""

from typing import Any, Protocol, runtime_checkable

import numpy as np

from gantape.conditioning import SourceImages
from gantape.data import Batches
from gantape.errors import TaskError
from gantape.evaluation.outcome import DEFAULT_COUNT, Outcome, judge_images
from gantape.evaluation.samples import make_samples, some_examples
from gantape.random.rng import RandomStreams
from gantape.tasks import AdversarialTask, Task
from gantape.types import Batch

IMAGES_AT_ONCE = 100
"""Images per batch of translations."""
VOTERS = 2000
"""Training examples whose labels vote. With 1,000 of MNIST, 89 % of held-out digits are recognised, with 2,000 92 %."""


@runtime_checkable
class Translator(Protocol):
    """A task that translates between two image domains."""

    def translate(self, batch: Batch) -> tuple[Any, ...]:
        """Translations of a prepared batch: for each of its parts, images of that part's domain."""


def judge_outcome(task: Task, data: Batches, held_out: Batches | None = None, *, seed: int = 0) -> Outcome:
    """Compare 500 samples of a task, or translations of held-out images, with real examples.

    It takes one or two seconds, and needs neither a network nor labels. If batches are `(images, labels)`, classes are counted
    too, even if the task is trained without labels. For a task with two directions, the worse outcome is returned.

    Args:
        task: An `AdversarialTask` that makes images, or a task with a method `translate` such as `CycleGAN`.
        data: Its training data, with pixels in its range; batches `(images, labels)` if there are labels.
        held_out: Real examples that it was not trained on, in the same form; by default, further ones of `data`.
        seed: Seed of the choice of examples, and of the samples' latents.

    Raises:
        TaskError: If the task makes no images that can be compared with its data.
        DataError: If there are fewer than 50 examples.
        ShapeError: If its examples are not images.
    """
    known, others = _two_sets(data, held_out, seed)
    if isinstance(task, AdversarialTask):
        made = (
            _translated(task, others) if isinstance(task.condition, SourceImages) else make_samples(task, DEFAULT_COUNT, seed)
        )
        return judge_images(made, known[0], others[0], labels=_labels(known))
    if isinstance(task, Translator):
        parts = [tuple(np.asarray(part) for part in task.translate(piece)) for piece in _pieces(others)]
        made_parts = [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]
        outcomes = [judge_images(*sets) for sets in zip(made_parts, known, others, strict=True)]
        return min(outcomes, key=lambda outcome: (outcome.good, outcome.samples.near))
    raise TaskError(
        "this task makes no images that can be compared with its data.",
        where="gantape.evaluation.judge_outcome, argument `task`",
        got=type(task).__name__,
        do="pass an AdversarialTask or a task with a method `translate`; for others call gantape.evaluation.judge_images.",
    )


def _translated(task: AdversarialTask, batch: tuple[Any, ...]) -> Any:
    pieces = [np.asarray(task.sample(len(piece[0]), RandomStreams(0), piece)) for piece in _pieces(batch)]
    return np.concatenate(pieces)


def _pieces(batch: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    starts = range(0, len(batch[0]), IMAGES_AT_ONCE)
    return [tuple(part[start : start + IMAGES_AT_ONCE] for part in batch) for start in starts]


def _two_sets(data: Batches, held_out: Batches | None, seed: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Training examples, more of them if they have labels, and held-out ones."""
    most = VOTERS if _labels(_some(data, 1, seed)) is not None else DEFAULT_COUNT
    if held_out is not None:
        return _some(data, most, seed), _some(held_out, DEFAULT_COUNT, seed)
    known = _some(data, most + DEFAULT_COUNT, seed)
    cut = max(len(known[0]) - DEFAULT_COUNT, len(known[0]) // 2)
    return tuple(part[:cut] for part in known), tuple(part[cut:] for part in known)


def _labels(examples: tuple[Any, ...]) -> Any:
    """The labels of examples, if they have any."""
    found = examples[1] if len(examples) > 1 else np.zeros(1)
    return found if found.ndim == 1 and np.issubdtype(found.dtype, np.integer) else None


def _some(data: Batches, most: int, seed: int) -> tuple[Any, ...]:
    """Some prepared examples: random ones if they can be read in any order, else the first."""
    found = some_examples(data, most, seed)
    return tuple(found) if isinstance(found, tuple | list) else (found,)
