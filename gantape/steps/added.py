"""The losses that layers add to a loss: by `add_loss`, and by regularisers of activities and weights."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape._tensorflow import recorded_losses, sublayers
from gantape.steps.losses import add_up, upcast
from gantape.types import Model, Tensor


@attrs.frozen(eq=False)
class AddedLosses:
    """The losses that the layers of some models add.

    Args:
        models: The models. A layer that is part of several counts once.
        recorded: What layers, of these models and others, added in their calls: the layer and the loss.
    """

    models: Sequence[Model]
    recorded: Sequence[tuple[Any, Any]]

    def total(self) -> Tensor | None:
        """The sum: what every call added, and the penalty of each regularised weight; `None` if there is nothing."""
        layers = [model for model in self.models if isinstance(model, keras.layers.Layer)]
        ours = {id(part) for layer in layers for part in sublayers(layer)}
        found = [loss for layer, loss in self.recorded if id(layer) in ours]
        weights = {id(weight): weight for layer in layers for weight in layer.trainable_variables}
        found += [weight.regularizer(weight) for weight in weights.values() if getattr(weight, "regularizer", None)]
        others = {id(model): model for model in self.models if not isinstance(model, keras.layers.Layer)}
        found += [loss for model in others.values() for loss in getattr(model, "losses", ())]
        return add_up([_scalar(loss) for loss in found]) if found else None


@contextlib.contextmanager
def added_losses(models: Sequence[Model]) -> Iterator[AddedLosses]:
    """A context in which a loss is computed. It counts every call of a layer there as one call of Keras would."""
    with recorded_losses() as recorded:
        yield AddedLosses(models, recorded)


def _scalar(loss: Any) -> Tensor:
    """An added loss as a scalar: Keras sums those that are none, and casts whole numbers."""
    number: Any = upcast(loss)
    return tf.reduce_sum(number if number.dtype.is_floating else tf.cast(number, keras.config.floatx()))
