"""Terms of a GAN's losses that need more of the discriminator's outputs than scores."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import attrs
import tensorflow as tf

from gantape._tensorflow import convert_methods
from gantape.distribute.replicas import all_reduce_mean
from gantape.errors import LossError
from gantape.losses.checks import WEIGHT
from gantape.random.rng import RandomStreams
from gantape.shapes import Scores
from gantape.steps.losses import Terms, upcast
from gantape.types import Model, Tensor


@attrs.frozen(eq=False)
class DiscriminatorOutput:
    """The outputs of a discriminator, in float32 or better whatever the network computes in.

    Args:
        scores: Raw scores.
        auxiliary: Auxiliary outputs, such as class logits or features.
        examples: The examples as the network saw them, after augmentation.
    """

    scores: Scores
    auxiliary: tuple[Tensor, ...]
    examples: Tensor


class OutputTerms(ABC):
    """Terms that are added to the losses of both networks, from all outputs of the discriminator."""

    generator_sees_real: ClassVar[bool] = False
    """Whether the generator's terms depend on the outputs for real examples."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        convert_methods(cls)

    @property
    def models(self) -> tuple[Model, ...]:
        """Models that the discriminator's update moves besides the discriminator."""
        return ()

    @abstractmethod
    def discriminator(self, real: DiscriminatorOutput, fake: DiscriminatorOutput, rng: RandomStreams) -> Terms:
        """The discriminator's terms, from the outputs for real and for generated examples; `{}` for none."""

    @abstractmethod
    def generator(self, real: DiscriminatorOutput | None, fake: DiscriminatorOutput, rng: RandomStreams) -> Terms:
        """The generator's terms, from the outputs for generated and, if `generator_sees_real`, real examples; `{}` for none."""


@attrs.frozen
class FeatureMatching(OutputTerms):
    """The generator's examples should have the features of real ones on average: λ Σ ‖mean f(real) - mean f(fake)‖₂².

    f are the auxiliary outputs of the discriminator, and the sum is over them. The means are over the batch, of all replicas.

    Args:
        weight: λ.

    References:
        Salimans et al. 2016, arXiv 1606.03498, section 3.1, where the term takes the place of the adversarial one.
    """

    generator_sees_real: ClassVar[bool] = True
    weight: float = attrs.field(default=1.0, validator=WEIGHT)

    def discriminator(self, real: DiscriminatorOutput, fake: DiscriminatorOutput, rng: RandomStreams) -> Terms:
        return {}

    def generator(self, real: DiscriminatorOutput | None, fake: DiscriminatorOutput, rng: RandomStreams) -> Terms:
        """The term "feature_matching".

        Raises:
            LossError: If the discriminator has no outputs besides scores.
        """
        if real is None or not real.auxiliary:
            raise LossError(
                "there are no features to match.",
                where="gantape.losses.FeatureMatching",
                got="a discriminator that returns scores only",
                do="return [scores, features] from the discriminator, keras.Model(inputs, [scores, features]).",
            )
        pairs = zip(real.auxiliary, fake.auxiliary, strict=True)
        distances: Any = [tf.reduce_sum(tf.square(_center(of_real) - _center(of_fake))) for of_real, of_fake in pairs]
        return {"feature_matching": self.weight * tf.add_n(distances)}


def _center(features: Tensor) -> Any:
    return all_reduce_mean(tf.reduce_mean(upcast(features), axis=0))
