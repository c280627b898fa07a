"""The return value of a loss: named scalars, and the arguments of metrics."""

from collections.abc import Mapping
from typing import Any

import attrs
import tensorflow as tf

from gantape.errors import LossError
from gantape.shapes import Scalar, axes_of, dtype_name
from gantape.types import Tensor

Terms = Mapping[str, Scalar]
"""The terms of a loss by name, each a mean over the batch."""


@attrs.frozen(eq=False)
class Losses:
    """The terms of a loss by name. Their sum is minimised.

    Args:
        terms: Scalars, means over the batch.
        metrics: The arguments of `update_state` for each metric of the task's `MetricSet` that this forward pass updates.

    Raises:
        LossError: If there is no term, or one is not a floating-point scalar.
    """

    terms: Mapping[str, Any]
    metrics: Mapping[str, tuple[Any, ...]] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.terms, Mapping) or not self.terms:
            raise LossError(
                "a loss has at least one named term.",
                where="gantape.Losses",
                got=repr(self.terms),
                do='name the terms: gantape.Losses({"reconstruction": ..., "divergence": ...}).',
            )
        for name, term in self.terms.items():
            try:
                tensor = tf.convert_to_tensor(term)
            except (TypeError, ValueError):
                raise LossError(
                    "a term of a loss is a floating-point scalar.",
                    where=f'gantape.Losses, term "{name}"',
                    got=repr(term),
                    do="return the value that was computed.",
                ) from None
            if axes_of(tensor) != () or "float" not in dtype_name(tensor):
                raise LossError(
                    "a term of a loss is a floating-point scalar.",
                    where=f'gantape.Losses, term "{name}"',
                    got=f"shape {axes_of(tensor)}, dtype {dtype_name(tensor)}",
                    do="reduce it over the batch, with tf.reduce_mean for instance.",
                )

    @property
    def total(self) -> Tensor:
        """The sum of the terms, added in their order, in float32 or better."""
        # A Python number takes the dtype of the tensor it is added to.
        first, *others = (term if isinstance(term, float | int) else upcast(term) for term in self.terms.values())
        for term in others:
            first = first + term
        return tf.convert_to_tensor(first)


def upcast(numbers: Any) -> Tensor:
    """Cast 16-bit floats to float32; any other tensor is returned unchanged."""
    numbers = tf.convert_to_tensor(numbers)
    return tf.cast(numbers, tf.float32) if numbers.dtype in (tf.float16, tf.bfloat16) else numbers
