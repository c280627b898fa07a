"""A discriminator together with its augmentations and condition."""

from typing import Any

import attrs
import tensorflow as tf

from gantape.augment import Augmentation, augmented
from gantape.conditioning import Condition, Conditioning
from gantape.losses import DiscriminatorOutput, upcast
from gantape.random.rng import RandomStreams
from gantape.shapes import Scores
from gantape.types import Model, Tensor


@attrs.frozen(eq=False)
class Scorer:
    """Scores examples with a discriminator, after augmentation and with conditioning.

    It is a function of examples alone, which penalties differentiate: `scorer(examples, training=True)`.

    Args:
        discriminator: The network.
        augmentations: Applied to every example.
        condition: Makes the network's inputs.
        conditioning: The conditioning of the examples.
        rng: Random streams of the update.
    """

    discriminator: Model
    augmentations: tuple[Augmentation, ...]
    condition: Condition
    conditioning: Conditioning
    rng: RandomStreams

    def __call__(self, examples: Tensor, training: bool = True) -> Scores:
        return self._score(self._augmented(examples, "penalty"), self.conditioning, training).scores

    def output(self, examples: Tensor, name: str) -> DiscriminatorOutput:
        """The outputs for examples in training; `name` is that of the random stream of their augmentations."""
        return self._score(self._augmented(examples, name), self.conditioning)

    def outputs(self, real: Tensor, fake: Tensor, *, joint: bool) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        """The outputs for real and for generated examples, from one pass through the network if `joint`."""
        if not joint:
            return self.output(real, "real"), self.output(fake, "fake")
        seen = tf.concat([self._augmented(fake, "fake"), self._augmented(real, "real")], axis=0)
        both = self._score(seen, tf.nest.map_structure(lambda leaf: tf.concat([leaf, leaf], axis=0), self.conditioning))
        halves = [tf.split(part, 2) for part in (both.scores, both.examples, *both.auxiliary)]
        of_fake, of_real = (
            DiscriminatorOutput(scores, tuple(auxiliary), examples)
            for scores, examples, *auxiliary in zip(*halves, strict=True)
        )
        return of_real, of_fake

    def _augmented(self, examples: Tensor, name: str) -> Tensor:
        return augmented(examples, self.augmentations, self.rng.stream(name)) if self.augmentations else examples

    def _score(self, seen: Tensor, conditioning: Conditioning, training: bool = True) -> DiscriminatorOutput:
        outputs: Any = self.discriminator(self.condition.for_discriminator(seen, conditioning), training=training)
        scores, *auxiliary = map(upcast, outputs if isinstance(outputs, tuple | list) else [outputs])
        return DiscriminatorOutput(scores, tuple(auxiliary), seen)
