"""A discriminator with all that stands before it."""

from typing import Any

import attrs
import tensorflow as tf

from gantape.augment import Augmentation, augmented
from gantape.conditioning import Condition, Conditioning
from gantape.losses import upcast
from gantape.random.rng import RandomStreams
from gantape.shapes import Scores
from gantape.types import Model, Tensor


@attrs.frozen(eq=False)
class DiscriminatorOutput:
    """What a discriminator says.

    Args:
        scores: Raw scores, in float32 or better whatever the network computes in.
        answers: What it puts out beside them, likewise.
    """

    scores: Scores
    answers: tuple[Tensor, ...] = ()


@attrs.frozen(eq=False)
class Scorer:
    """Scores examples as a discriminator sees them: augmented, and told by a condition.

    A judge is a function of examples, which penalties differentiate: `judge(examples, training=True)`.

    Args:
        discriminator: The network.
        augmentations: Done to every example.
        condition: Says what the network is called with.
        conditioning: What the examples are told by.
        rng: Random streams of the update.
    """

    discriminator: Model
    augmentations: tuple[Augmentation, ...]
    condition: Condition
    conditioning: Conditioning
    rng: RandomStreams

    def __call__(self, examples: Tensor, training: bool = True) -> Scores:
        return self._say(self._see(examples, "penalty"), self.conditioning, training).scores

    def output(self, examples: Tensor, name: str) -> DiscriminatorOutput:
        """What is said of examples in training; the name is that of their augmentations' stream."""
        return self._say(self._see(examples, name), self.conditioning)

    def outputs(self, real: Tensor, fake: Tensor, *, joint: bool) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        """What is said of real and of generated examples, in one pass through the network if it is joint."""
        if not joint:
            return self.output(real, "real"), self.output(fake, "fake")
        seen = tf.concat([self._see(fake, "fake"), self._see(real, "real")], axis=0)
        both = self._say(seen, tf.nest.map_structure(lambda leaf: tf.concat([leaf, leaf], axis=0), self.conditioning))
        halves = [tf.split(part, 2) for part in (both.scores, *both.answers)]
        fake_said, real_said = zip(*halves, strict=True)
        return DiscriminatorOutput(real_said[0], real_said[1:]), DiscriminatorOutput(fake_said[0], fake_said[1:])

    def _see(self, examples: Tensor, name: str) -> Tensor:
        return augmented(examples, self.augmentations, self.rng.stream(name)) if self.augmentations else examples

    def _say(self, seen: Tensor, conditioning: Conditioning, training: bool = True) -> DiscriminatorOutput:
        said: Any = self.discriminator(self.condition.for_discriminator(seen, conditioning), training=training)
        scores, *answers = map(upcast, said if isinstance(said, tuple | list) else [said])
        return DiscriminatorOutput(scores, tuple(answers))
