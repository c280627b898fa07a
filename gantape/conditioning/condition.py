"""What every condition can do."""

import math
from abc import ABC, abstractmethod
from typing import Any, TypeAlias, final

import attrs

from gantape.random.rng import RandomStreams
from gantape.shapes import Latents
from gantape.steps.losses import Terms
from gantape.types import Batch, Tensor

Told: TypeAlias = Any
"""What the networks are told: a tensor, or a tuple of tensors, each with the axis `batch` first; `()` for nothing."""


class Condition(ABC):
    """What the generator is given beside latents, the discriminator beside examples, and which terms that adds.

    In training, generated examples are made for what the batch's real examples are told by, so that one `told` serves both.
    """

    @abstractmethod
    def draw(self, count: int, batch: Batch | None, rng: RandomStreams) -> Told:
        """What `count` examples are told by: taken from a batch, or drawn where there is none."""

    @abstractmethod
    def spread(self, rows: int, columns: int, batch: Batch | None) -> Told:
        """What `rows · columns` examples in a picture are told by, row by row; zeros where a batch is needed and missing."""

    @abstractmethod
    def for_generator(self, latents: Latents, told: Told) -> Any:
        """What the generator is called with."""

    @abstractmethod
    def for_discriminator(self, examples: Tensor, told: Told) -> Any:
        """What the discriminator is called with."""

    def layout(self, count: int, batch: Batch | None) -> tuple[int, int]:
        """Rows and columns of a picture of about `count` examples; nearly as many of the one as of the other by default."""
        columns = math.ceil(math.sqrt(count))
        return math.ceil(count / columns), columns

    def frame(self, images: Tensor, batch: Batch | None) -> Tensor:
        """Put what belongs beside the images of a picture, axes `rows columns ...`; nothing by default."""
        return images

    def discriminator_terms(self, told: Told, real_answers: tuple[Tensor, ...], fake_answers: tuple[Tensor, ...]) -> Terms:
        """What the discriminator's loss gains; nothing by default.

        Args:
            told: What `draw` gave.
            real_answers: What the discriminator puts out for real examples beside scores.
            fake_answers: The same for generated ones.
        """
        return {}

    def generator_terms(self, told: Told, real: Tensor, fake: Tensor, fake_answers: tuple[Tensor, ...]) -> Terms:
        """What the generator's loss gains; nothing by default.

        Args:
            told: What `draw` gave.
            real: The real examples.
            fake: The generated ones.
            fake_answers: What the discriminator puts out for generated examples beside scores.
        """
        return {}

    def check_batch(self, batch: Batch, where: str) -> None:
        """Raise an error where a batch does not hold what the networks are to be told."""


@final
@attrs.frozen
class Unconditional(Condition):
    """Nothing: the generator is given latents, the discriminator examples."""

    def draw(self, count: int, batch: Batch | None, rng: RandomStreams) -> Told:
        return ()

    def spread(self, rows: int, columns: int, batch: Batch | None) -> Told:
        return ()

    def for_generator(self, latents: Latents, told: Told) -> Any:
        return latents

    def for_discriminator(self, examples: Tensor, told: Told) -> Any:
        return examples
