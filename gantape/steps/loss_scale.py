"""The precision of layers, and loss scaling for float16.

Layers get Keras' dtype policy when they are created. With a mixed policy they compute in 16 bits, with weights in float32.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, cast

import attrs
import keras
import tensorflow as tf

from gantape.errors import TaskError
from gantape.types import Optimizer, Tensor

Precision = Literal["float32", "float64", "mixed_bfloat16", "mixed_float16"]

LEAST_SCALE = 1.0
"""At this scale, numbers that are not finite are not due to the scale."""


def default_precision() -> Precision:
    """The name of Keras' global dtype policy."""
    return cast(Precision, keras.config.dtype_policy().name)


@contextmanager
def policy(precision: Precision) -> Iterator[None]:
    """A context in which new layers get a dtype policy; the global policy is restored afterwards."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def with_loss_scale(part: Any, precision: Precision) -> Any:
    """Wrap an optimizer in a loss scale of its own if the precision needs one, also in lists, tuples and dicts.

    Lists and dicts stay the same objects, with other members; anything else is returned unchanged.
    """
    return _scaled(part, {}) if precision == "mixed_float16" else part


def _scaled(part: Any, scaled: dict[int, Any]) -> Any:
    if isinstance(part, keras.optimizers.Optimizer) and LossScale.of(part) is None:
        if id(part) not in scaled:
            scaled[id(part)] = keras.optimizers.LossScaleOptimizer(part)
        return scaled[id(part)]
    if isinstance(part, tuple):
        members = [_scaled(member, scaled) for member in part]
        if all(new is old for new, old in zip(members, part, strict=True)):
            return part
        return type(part)(*members) if hasattr(part, "_fields") else tuple(members)
    if isinstance(part, list | dict) and id(part) not in scaled:
        scaled[id(part)] = part  # once, should it hold itself
        for key, member in list(part.items() if isinstance(part, dict) else enumerate(part)):
            part[key] = _scaled(member, scaled)
    return part


def check_loss_scales(optimizers: Mapping[str, Optimizer], precision: Precision, where: str) -> None:
    """Raise a `TaskError` if the precision needs loss scales and an update's optimizer has none.

    Raises:
        TaskError: If so. Optimizers that are parts of a task have one.
    """
    bare = [name for name, optimizer in optimizers.items() if LossScale.of(optimizer) is None]
    if precision == "mixed_float16" and bare:
        raise TaskError(
            "in float16 every optimizer has a loss scale.",
            where=f'{where}.updates, Update "{bare[0]}"',
            got=type(optimizers[bare[0]]).__name__,
            do="return the optimizer from a build_ method, or in a list, tuple or dict, or wrap it in "
            "keras.optimizers.LossScaleOptimizer.",
        )


def applied_optimizer(optimizer: Optimizer) -> Any:
    """The optimizer that updates the variables: the inner one, if it has a loss scale."""
    scale = LossScale.of(optimizer)
    return optimizer if scale is None else scale.inner


@attrs.frozen(eq=False)
class LossScale:
    """Dynamic loss scaling of one update, which keeps small float16 gradients from becoming zero.

    The loss is multiplied by the scale, and the gradients are divided by it, in float32. An update whose loss or gradients are
    not finite is skipped, and halves the scale, down to 1; after `dynamic_growth_steps` others in a row the scale doubles. At a
    scale of 1 no update is skipped: numbers that are not finite are then not due to the scale.

    The scale and its counter are those of Keras' `LossScaleOptimizer`, and saved with it. Its own `apply` is not used: it
    branches around the inner optimizer, does not undo changes of moving averages and batch statistics, and would clip and
    average scaled gradients.

    Args:
        optimizer: A `keras.optimizers.LossScaleOptimizer`.

    References:
        Micikevicius et al. 2018, arXiv 1710.03740, section 3.2.
    """

    optimizer: Any

    @classmethod
    def of(cls, optimizer: Optimizer) -> "LossScale | None":
        """The scale of an optimizer, if it has one."""
        return cls(optimizer) if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) else None

    @property
    def inner(self) -> Optimizer:
        """The optimizer that updates the variables."""
        return cast(Optimizer, self.optimizer.inner_optimizer)

    @property
    def exhausted(self) -> Tensor:
        """Whether the scale has reached its minimum."""
        return self.optimizer.dynamic_scale.value <= LEAST_SCALE

    def scaled(self, loss: Tensor) -> Tensor:
        """A loss times the scale."""
        return loss * tf.cast(self.optimizer.dynamic_scale.value, loss.dtype)

    def unscaled(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of a loss, from those of the scaled loss."""
        # A scale is a power of two by default, so this is exact.
        return [gradient / tf.cast(self.optimizer.dynamic_scale.value, gradient.dtype) for gradient in gradients]

    def adjust(self, skipped: Tensor) -> None:
        """Adjust the scale after an update.

        Args:
            skipped: 1 if the update was skipped, else 0.
        """
        scale, count = self.optimizer.dynamic_scale, self.optimizer.step_counter
        was_skipped = tf.cast(skipped, tf.bool)
        good = count.value + 1
        grows = good >= self.optimizer.dynamic_growth_steps
        grown = tf.where(grows, 2.0 * scale.value, scale.value)
        scale.assign(tf.where(was_skipped, tf.maximum(0.5 * scale.value, LEAST_SCALE), grown))
        count.assign(tf.where(tf.logical_or(was_skipped, grows), tf.zeros_like(good), good))
