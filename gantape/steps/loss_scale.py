"""In which precision layers compute, and the scale of a loss that float16 needs.

Layers get Keras' dtype policy when they are made. In a mixed one they compute in 16 bits and keep their weights in float32.
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
"""Where a loss is scaled by no more than this, the scale is not to blame for what is not finite."""


def default_precision() -> Precision:
    """The name of Keras' global dtype policy."""
    return cast(Precision, keras.config.dtype_policy().name)


@contextmanager
def policy(precision: Precision) -> Iterator[None]:
    """Give layers that are made inside a dtype policy; the global one is as it was behind it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def with_loss_scale(part: Any, precision: Precision) -> Any:
    """An optimizer with a loss scale of its own if the precision needs one; all else as it is."""
    if precision != "mixed_float16" or not isinstance(part, keras.optimizers.Optimizer):
        return part
    return part if LossScale.of(part) is not None else keras.optimizers.LossScaleOptimizer(part)


def check_loss_scales(optimizers: Mapping[str, Optimizer], precision: Precision, where: str) -> None:
    """Raise a `TaskError` if the precision needs loss scales and an update's optimizer has none.

    Raises:
        TaskError: If so; optimizers that are parts of a task have one.
    """
    bare = [name for name, optimizer in optimizers.items() if LossScale.of(optimizer) is None]
    if precision == "mixed_float16" and bare:
        raise TaskError(
            "in float16 every optimizer has a loss scale.",
            where=f'{where}.updates, Update "{bare[0]}"',
            got=type(optimizers[bare[0]]).__name__,
            do="return the optimizer from a build_ method of its own, or wrap it in keras.optimizers.LossScaleOptimizer.",
        )


@attrs.frozen(eq=False)
class LossScale:
    """The factor of one update's loss, which keeps small gradients of float16 from becoming zero.

    The loss is multiplied by it, and the gradients are divided by it, in float32. An update whose loss or gradients are not
    finite is left out, and halves the scale, down to 1; after `dynamic_growth_steps` others in a row it doubles. At a scale
    of 1 nothing is left out: what is not finite then does not come from the scale.

    The scale and its counter are those of Keras' `LossScaleOptimizer`, and saved with it. What that optimizer does itself is
    not used: it branches around the inner optimizer, does not know of moving averages and batch statistics that have to be
    left alone too, and would clip and average scaled gradients.

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
        """The optimizer that moves variables."""
        return cast(Optimizer, self.optimizer.inner_optimizer)

    @property
    def exhausted(self) -> Tensor:
        """Whether the scale cannot fall any more."""
        return self.optimizer.dynamic_scale.value <= LEAST_SCALE

    def scaled(self, loss: Tensor) -> Tensor:
        """A loss times the scale."""
        return loss * tf.cast(self.optimizer.dynamic_scale.value, loss.dtype)

    def unscaled(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """Gradients of a scaled loss, as those of the loss itself."""
        # A scale is a power of two by default, so that this is exact.
        return [gradient / tf.cast(self.optimizer.dynamic_scale.value, gradient.dtype) for gradient in gradients]

    def adjust(self, skipped: Tensor) -> None:
        """Follow an update that was done, or left out.

        Args:
            skipped: 1 if it was left out, else 0.
        """
        scale, count = self.optimizer.dynamic_scale, self.optimizer.step_counter
        left_out = tf.cast(skipped, tf.bool)
        good = count.value + 1
        grows = good >= self.optimizer.dynamic_growth_steps
        grown = tf.where(grows, 2.0 * scale.value, scale.value)
        scale.assign(tf.where(left_out, tf.maximum(0.5 * scale.value, LEAST_SCALE), grown))
        count.assign(tf.where(tf.logical_or(left_out, grows), tf.zeros_like(good), good))
