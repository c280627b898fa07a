"""The base class of conditions, and the one of an unconditional GAN."""

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeAlias, final

import attrs

from gantape._tensorflow import convert_methods
from gantape.random.rng import RandomStreams
from gantape.shapes import Latents
from gantape.steps.losses import Terms
from gantape.types import Batch, Tensor

Conditioning: TypeAlias = Any
"""Conditioning of both networks: a tensor, or a tuple of tensors, each with `batch` as its first axis; `()` for none."""


class Condition(ABC):
    """The inputs of generator and discriminator besides latents and examples, and the loss terms that these add.

    In training, the generated examples get the conditioning of the batch's real examples.
    """

    names: ClassVar[tuple[str, ...]] = ()
    """What the tensors of the conditioning are called as inputs of an exported model; by default they are numbered."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        convert_methods(cls)

    @abstractmethod
    def sample(self, count: int, batch: Batch | None, rng: RandomStreams) -> Conditioning:
        """The conditioning of `count` examples: that of a batch, or random if there is no batch."""

    @abstractmethod
    def for_grid(self, rows: int, columns: int, batch: Batch | None) -> Conditioning:
        """The conditioning of a grid of `rows · columns` examples, row by row; zeros if it needs a batch and there is none."""

    @abstractmethod
    def for_generator(self, latents: Latents, conditioning: Conditioning) -> Any:
        """The inputs of the generator."""

    @abstractmethod
    def for_discriminator(self, examples: Tensor, conditioning: Conditioning) -> Any:
        """The inputs of the discriminator."""

    def grid_shape(self, count: int, batch: Batch | None) -> tuple[int, int]:
        """Rows and columns of a grid of about `count` examples; nearly square by default."""
        columns = math.ceil(math.sqrt(count))
        return math.ceil(count / columns), columns

    def add_context(self, images: Tensor, batch: Batch | None) -> Tensor:
        """Add source or target images to a grid with the axes `rows columns ...`; nothing by default."""
        return images

    def discriminator_terms(
        self, conditioning: Conditioning, real_auxiliary: tuple[Tensor, ...], fake_auxiliary: tuple[Tensor, ...]
    ) -> Terms:
        """Terms that are added to the discriminator's loss; none by default.

        Args:
            conditioning: The conditioning, from `sample`.
            real_auxiliary: The discriminator's outputs for real examples besides scores.
            fake_auxiliary: The same for generated examples.
        """
        return {}

    def generator_terms(
        self, conditioning: Conditioning, real: Tensor, fake: Tensor, fake_auxiliary: tuple[Tensor, ...]
    ) -> Terms:
        """Terms that are added to the generator's loss; none by default.

        Args:
            conditioning: The conditioning, from `sample`.
            real: The real examples.
            fake: The generated examples.
            fake_auxiliary: The discriminator's outputs for generated examples besides scores.
        """
        return {}

    def check_batch(self, batch: Batch, where: str) -> None:
        """Raise an error if a batch does not hold the conditioning."""


@final
@attrs.frozen
class Unconditional(Condition):
    """No conditioning: the generator receives latents, the discriminator examples."""

    def sample(self, count: int, batch: Batch | None, rng: RandomStreams) -> Conditioning:
        return ()

    def for_grid(self, rows: int, columns: int, batch: Batch | None) -> Conditioning:
        return ()

    def for_generator(self, latents: Latents, conditioning: Conditioning) -> Any:
        return latents

    def for_discriminator(self, examples: Tensor, conditioning: Conditioning) -> Any:
        return examples
