"""Latent codes that can be recovered from the generated examples."""

import math
from typing import Any, ClassVar, final

import attrs
import keras
import tensorflow as tf

from gantape.conditioning.condition import Condition, Conditioning
from gantape.losses import MutualInformation
from gantape.random.rng import RandomStreams
from gantape.shapes import Latents
from gantape.steps.losses import Terms
from gantape.types import Batch, Tensor


@final
@attrs.frozen
class Codes(Condition):
    """A categorical code and continuous codes from U(-1, 1), drawn along with the latents: InfoGAN. Batches need no labels.

    The generator is called with one vector, `latents, one-hot category, continuous codes`. The discriminator gets no
    conditioning: it returns `[scores, logits, means]`, and how well these predict the codes is a loss term of both networks.

    Args:
        categories: Number of values of the categorical code.
        continuous: Number of continuous codes, at least one.
        information: The loss term.

    References:
        Chen et al. 2016, arXiv 1606.03657.
    """

    names: ClassVar[tuple[str, ...]] = ("category", "continuous")
    categories: int = 10
    continuous: int = 2
    information: MutualInformation = attrs.field(factory=MutualInformation)

    @property
    def size(self) -> int:
        """Numbers that the generator receives besides the latents."""
        return self.categories + self.continuous

    def sample(self, count: int, batch: Batch | None, rng: RandomStreams) -> Conditioning:
        category = rng.integers("category", [count], self.categories)
        return category, rng.uniform("continuous", [count, self.continuous], -1.0, 1.0)

    def for_grid(self, rows: int, columns: int, batch: Batch | None) -> Conditioning:
        category = tf.range(rows * columns) % columns % self.categories
        # The first continuous code runs down the rows; the others are 0.
        first = tf.repeat(tf.linspace(-1.0, 1.0, rows), columns)[:, None]
        return category, first * tf.one_hot([0], self.continuous)

    def for_generator(self, latents: Latents, conditioning: Conditioning) -> Any:
        category, numbers = conditioning
        one_hot = keras.ops.one_hot(category, self.categories, dtype=latents.dtype)
        return keras.ops.concatenate([latents, one_hot, keras.ops.cast(numbers, latents.dtype)], axis=1)

    def for_discriminator(self, examples: Tensor, conditioning: Conditioning) -> Any:
        return examples

    def grid_shape(self, count: int, batch: Batch | None) -> tuple[int, int]:
        return math.ceil(count / self.categories), self.categories

    def discriminator_terms(
        self, conditioning: Conditioning, real_auxiliary: tuple[Tensor, ...], fake_auxiliary: tuple[Tensor, ...]
    ) -> Terms:
        return self._terms(conditioning, fake_auxiliary)

    def generator_terms(
        self, conditioning: Conditioning, real: Tensor, fake: Tensor, fake_auxiliary: tuple[Tensor, ...]
    ) -> Terms:
        return self._terms(conditioning, fake_auxiliary)

    def _terms(self, conditioning: Conditioning, auxiliary: tuple[Tensor, ...]) -> Terms:
        logits, means = auxiliary
        return self.information(conditioning, (logits, means))
