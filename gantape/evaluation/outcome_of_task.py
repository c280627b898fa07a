"""What a task makes, judged from outside: samples, or translations of images that were not trained on."""

from typing import Any, Protocol, runtime_checkable

import attrs
import numpy as np
import tensorflow as tf

from gantape.conditions import SourceImages
from gantape.data import Batches, Position
from gantape.data.arrays import ShuffledBatches
from gantape.errors import TaskError
from gantape.evaluation.outcome import DEFAULT_COUNT, Outcome, judge_images
from gantape.evaluation.samples import make_samples
from gantape.noise import Noise
from gantape.tasks import AdversarialTask, Task
from gantape.types import Batch

IMAGES_AT_ONCE = 100
"""Images that are translated at once."""


@runtime_checkable
class Translator(Protocol):
    """A task that translates images of two kinds into one another."""

    def translate(self, batch: Batch) -> tuple[Any, ...]:
        """What is made of a prepared batch: for each of its parts, images of that part's kind."""


def judge_outcome(task: Task, data: Batches, held_out: Batches | None = None, *, seed: int = 0) -> Outcome:
    """Judge what a task makes: 500 samples, or translations of held-out images, beside real examples.

    It takes one or two seconds, no network and no labels. If batches are `(images, labels)`, classes are counted too, also
    of a task that is trained without labels. Of a task with two directions the worse is returned.

    Args:
        task: An `AdversarialTask` that makes images, or a task with a method `translate` such as `CycleGAN`.
        data: What it was trained on, with pixels in its range; batches `(images, labels)` if there are labels.
        held_out: Real examples that it was not trained on, in the same form; without them further ones of `data`.
        seed: Of the choice of examples, and of the samples' latents.

    Raises:
        TaskError: If the task makes nothing that can be compared with its data.
        DataError: If there are fewer than 50 examples.
        ShapeError: If its examples are not images.
    """
    known, others = _two_sets(data, held_out, seed)
    if isinstance(task, AdversarialTask):
        real, labels = known[0], None
        if len(known) > 1 and known[1].ndim == 1 and np.issubdtype(known[1].dtype, np.integer):
            labels = known[1]
        made = (
            _translated(task, others) if isinstance(task.condition, SourceImages) else make_samples(task, DEFAULT_COUNT, seed)
        )
        return judge_images(made, real, others[0], labels=labels)
    if isinstance(task, Translator):
        parts = [tuple(np.asarray(part) for part in task.translate(piece)) for piece in _pieces(others)]
        made_parts = [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]
        outcomes = [judge_images(*sets) for sets in zip(made_parts, known, others, strict=True)]
        return min(outcomes, key=lambda outcome: (outcome.good, outcome.samples.near))
    raise TaskError(
        "this task makes no images that could be compared with its data.",
        where="gantape.evaluation.judge_outcome, argument `task`",
        got=type(task).__name__,
        do="give an AdversarialTask or a task with a method `translate`; for others call gantape.evaluation.judge_images.",
    )


def _translated(task: AdversarialTask, batch: tuple[Any, ...]) -> Any:
    pieces = [np.asarray(task.sample(len(piece[0]), Noise(0), piece)) for piece in _pieces(batch)]
    return np.concatenate(pieces)


def _pieces(batch: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    starts = range(0, len(batch[0]), IMAGES_AT_ONCE)
    return [tuple(part[start : start + IMAGES_AT_ONCE] for part in batch) for start in starts]


def _two_sets(data: Batches, held_out: Batches | None, seed: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Twice as many training examples as are judged, which vote on classes, and held-out ones."""
    known = _some(data, 2 * DEFAULT_COUNT, seed)
    if held_out is not None:
        return known, _some(held_out, DEFAULT_COUNT, seed)
    half = len(known[0]) // 2
    return tuple(part[:half] for part in known), tuple(part[half:] for part in known)


def _some(data: Batches, most: int, seed: int) -> tuple[Any, ...]:
    """Some prepared examples: drawn from all where they can be read in any order, else the first."""
    if isinstance(data, ShuffledBatches):
        source: Any = data
        whole = attrs.evolve(source, batch_size=min(most, data.examples))
        stored = [whole.open(seed, Position()).read(1).batch(0)]
    else:
        stored, seen = [], 0
        for batch in data.in_order():
            stored.append(batch)
            seen += len(tf.nest.flatten(batch)[0])
            if seen >= most:
                break
    parts = [
        tf.nest.map_structure(np.asarray, data.prepare(tf.nest.map_structure(tf.convert_to_tensor, batch))) for batch in stored
    ]
    joined = tf.nest.map_structure(lambda *leaves: np.concatenate(leaves)[:most], *parts)
    return tuple(joined) if isinstance(joined, tuple | list) else (joined,)
