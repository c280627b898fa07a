"""What the two updates of a game begin with, and how they share it."""

from collections import deque
from collections.abc import Callable
from typing import Any

import attrs
import tensorflow as tf

from gantape.conditioning import Conditioning
from gantape.distribute.replicas import replicas
from gantape.types import Batch, Model, Tensor


@attrs.frozen(eq=False)
class GANBatch:
    """What both losses of a GAN see of a batch.

    Args:
        real: Real examples.
        fake: As many generated ones, of the same floating-point type.
        conditioning: What both are told by.
    """

    real: Tensor
    fake: Tensor
    conditioning: Conditioning


class FakeCache:
    """Batches of the discriminator's update, which the generator's update takes up again instead of generating anew.

    Nothing moves the generator in between: its tape, begun when the examples were made, goes on from the gradient with
    respect to them.

    Args:
        generator: What is differentiated.
        count: How many batches are taken up again in each replica, the newest ones; the others are forgotten. 0 for none.
    """

    def __init__(self, generator: Model, count: int) -> None:
        self._variables = generator.trainable_variables
        self._count = count
        self._kept: deque[tuple[Tensor, tf.GradientTape, GANBatch]] = deque(maxlen=count * replicas())

    def begin(self, batch: Batch, play: Callable[[], GANBatch]) -> GANBatch:
        """A batch whose examples can be taken up again."""
        if not self._count:
            return play()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in self._variables])
            begun = play()
        self._kept.append((_first(batch), tape, begun))
        return begun

    def take_up(self, batch: Batch) -> GANBatch | None:
        """The batch that was begun with this very batch; `None` if there is none."""
        place = next((place for place, (first, _, _) in enumerate(self._kept) if first is _first(batch)), None)
        if place is None:
            return None
        _, tape, play = self._kept[place]
        del self._kept[place]

        values = [variable.value for variable in self._variables]

        def examples(*_: Tensor) -> tuple[Tensor, Callable[..., Any]]:
            return tf.stop_gradient(play.fake), lambda upstream: tape.gradient(play.fake, values, output_gradients=upstream)

        return attrs.evolve(play, fake=tf.custom_gradient(examples)(*values))


def _first(batch: Batch) -> Tensor:
    """What a batch is known by: several replicas are each given a tuple of their own of its tensors."""
    first: Tensor = tf.nest.flatten(batch)[0]
    return first
