"""The real and generated examples of a GAN's updates, and a cache by which the two updates share them."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import tensorflow as tf

from gantape.conditioning import Conditioning
from gantape.distribute.replicas import replicas
from gantape.errors import LossError
from gantape.types import Batch, Model, Tensor


@attrs.frozen(eq=False)
class GANBatch:
    """The inputs of both losses of a GAN.

    Args:
        real: Real examples.
        fake: As many generated examples, of the same floating-point type.
        conditioning: The conditioning of both.
    """

    real: Tensor
    fake: Tensor
    conditioning: Conditioning


class FakeCache:
    """Caches the batches of the discriminator's update, so that the generator's update need not generate its own.

    The generator does not change in between: the tape that recorded the examples continues from the gradient with respect
    to them.

    Args:
        generator: The model to differentiate.
        count: How many of the newest batches to keep in each replica; 0 for none.
    """

    def __init__(self, generator: Model, count: int) -> None:
        self._generator = generator
        self._count = count
        self._kept: deque[tuple[Tensor, tf.GradientTape, GANBatch]] = deque(maxlen=count * replicas())

    def generate(self, batch: Batch, make: Callable[[], GANBatch]) -> GANBatch:
        """Make the inputs for a batch, and keep them."""
        if not self._count:
            return make()
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in self._generator.trainable_variables])
            made = make()
        self._kept.append((_first(batch), tape, made))
        return made

    def reuse(self, batch: Batch) -> GANBatch | None:
        """The inputs that were made for this batch; `None` if they were not kept."""
        place = next((place for place, (first, _, _) in enumerate(self._kept) if first is _first(batch)), None)
        if place is None:
            return None
        _, tape, made = self._kept[place]
        del self._kept[place]

        values = [variable.value for variable in self._generator.trainable_variables]

        def examples(*_: Tensor) -> tuple[Tensor, Callable[..., Any]]:
            return tf.stop_gradient(made.fake), lambda upstream: tape.gradient(made.fake, values, output_gradients=upstream)

        return attrs.evolve(made, fake=tf.custom_gradient(examples)(*values))


def add_terms(terms: dict[str, Any], new: Any, owner: Any) -> None:
    """Add the terms that a loss, a condition or a penalty has returned.

    Raises:
        LossError: If they are not named, or a name is taken.
    """
    where = f"{type(owner).__module__}.{type(owner).__qualname__}"
    if not isinstance(new, Mapping):
        raise LossError(
            "the terms of an adversarial loss are named.",
            where=where,
            got=type(new).__name__,
            do='return a dict, such as {"adversarial": value}.',
        )
    taken = [name for name in new if name in terms]
    if taken:
        raise LossError(
            "two terms of one loss have the same name.",
            where=where,
            got=", ".join(map(str, taken)),
            do="give one of them another name; for a penalty, override the property `name` in a subclass.",
        )
    terms |= new


def _first(batch: Batch) -> Tensor:
    """The tensor that identifies a batch: each replica gets its own tuple of the same tensors."""
    first: Tensor = tf.nest.flatten(batch)[0]
    return first
