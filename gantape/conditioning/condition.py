"""What every condition can do."""

import math
from abc import ABC, abstractmethod
from typing import Any, TypeAlias, final

import attrs

from gantape.random.rng import RandomStreams
from gantape.shapes import Latents
from gantape.steps.losses import Terms
from gantape.types import Batch, Tensor

Conditioning: TypeAlias = Any
"""What both networks receive: a tensor, or a tuple of tensors, each with the axis `batch` first; `()` for nothing."""


class Condition(ABC):
    """What the generator and the discriminator receive besides latents and examples, and the loss terms this adds.

    In training, generated examples are made for the conditioning of the batch's real examples, so that one serves both.
    """

    @abstractmethod
    def sample(self, count: int, batch: Batch | None, rng: RandomStreams) -> Conditioning:
        """The conditioning of `count` examples: taken from a batch, or drawn where there is none."""

    @abstractmethod
    def for_grid(self, rows: int, columns: int, batch: Batch | None) -> Conditioning:
        """The conditioning of `rows · columns` examples in a picture, row by row; zeros where a batch is needed and missing."""

    @abstractmethod
    def for_generator(self, latents: Latents, conditioning: Conditioning) -> Any:
        """What the generator is called with."""

    @abstractmethod
    def for_discriminator(self, examples: Tensor, conditioning: Conditioning) -> Any:
        """What the discriminator is called with."""

    def grid_shape(self, count: int, batch: Batch | None) -> tuple[int, int]:
        """Rows and columns of a picture of about `count` examples; nearly as many of the one as of the other by default."""
        columns = math.ceil(math.sqrt(count))
        return math.ceil(count / columns), columns

    def add_context(self, images: Tensor, batch: Batch | None) -> Tensor:
        """Put what belongs beside the images of a picture, axes `rows columns ...`; nothing by default."""
        return images

    def discriminator_terms(
        self, conditioning: Conditioning, real_answers: tuple[Tensor, ...], fake_answers: tuple[Tensor, ...]
    ) -> Terms:
        """What the discriminator's loss gains; nothing by default.

        Args:
            conditioning: What `sample` gave.
            real_answers: What the discriminator puts out for real examples beside scores.
            fake_answers: The same for generated ones.
        """
        return {}

    def generator_terms(
        self, conditioning: Conditioning, real: Tensor, fake: Tensor, fake_answers: tuple[Tensor, ...]
    ) -> Terms:
        """What the generator's loss gains; nothing by default.

        Args:
            conditioning: What `sample` gave.
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

    def sample(self, count: int, batch: Batch | None, rng: RandomStreams) -> Conditioning:
        return ()

    def for_grid(self, rows: int, columns: int, batch: Batch | None) -> Conditioning:
        return ()

    def for_generator(self, latents: Latents, conditioning: Conditioning) -> Any:
        return latents

    def for_discriminator(self, examples: Tensor, conditioning: Conditioning) -> Any:
        return examples
