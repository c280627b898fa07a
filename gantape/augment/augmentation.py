"""The base class of augmentations."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gantape._tensorflow import convert_methods
from gantape.errors import ShapeError
from gantape.random.rng import RandomStreams
from gantape.shapes import Scores, describe, sizes_of
from gantape.types import Tensor, Variable


class Augmentation(ABC):
    """A differentiable random transformation of examples."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        convert_methods(cls)

    @abstractmethod
    def __call__(self, examples: Tensor, rng: RandomStreams) -> Tensor:
        """Transform each example independently; shapes do not change.

        Args:
            examples: Shape `batch ...`.
            rng: Random streams.
        """

    def observe(self, real_scores: Scores) -> None:
        """Receive the discriminator's scores of real examples, once per update of the discriminator."""

    @property
    def variables(self) -> Sequence[Variable]:
        """Its variables, which are saved with the run."""
        return ()


def augmented(examples: Tensor, augmentations: Sequence[Augmentation], rng: RandomStreams) -> Tensor:
    """The examples after each of the augmentations, in order."""
    for place, augmentation in enumerate(augmentations):
        before = examples
        examples = tf.convert_to_tensor(augmentation(before, rng.stream("augmentation", place)))
        if not before.shape.is_compatible_with(examples.shape):
            raise ShapeError(
                "an augmentation has changed the shape of the examples.",
                where=f"{type(augmentation).__module__}.{type(augmentation).__qualname__}",
                got=f"{describe(examples)}, from {describe(before)}",
                do="return examples of the same shape: resize or pad them.",
            )
    return examples


def share_for_each(examples: Tensor, rng: RandomStreams) -> Any:
    """A number from [0, 1) for each example, shape `batch 1 ...`."""
    axes = [sizes_of(examples)[0], *[1] * (len(examples.shape) - 1)]
    return tf.cast(rng.uniform("share", axes), examples.dtype)
