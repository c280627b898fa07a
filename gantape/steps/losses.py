"""The return value of a loss: named scalars, and the arguments of metrics."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs
import tensorflow as tf

from gantape._tensorflow import copy_companions, with_autograph
from gantape.errors import LossError, MetricError
from gantape.history import check_names
from gantape.shapes import Scalar, axes_of, dtype_name
from gantape.types import Tensor

Terms = Mapping[str, Scalar]
"""The terms of a loss by name, each a mean over the batch."""


@attrs.frozen(eq=False)
class Losses:
    """The terms of a loss by name. Their sum is minimised.

    Args:
        terms: Scalars, means over the batch. A term may also be a function that returns it: a lazy term is then computed only
            in the steps in which it is due.
        metrics: The arguments of `update_state` for each metric of the task's `MetricSet` that this forward pass updates.
        logged: Scalars that the history has too, but that are not minimised; they have to be finite.
        added: The sum of the losses that layers add. Training and evaluation put it here; a loss leaves it out.

    Raises:
        LossError: If there is no term, one is not a floating-point scalar, or a name is that of another column.
    """

    terms: Mapping[str, Any]
    metrics: Mapping[str, tuple[Any, ...]] = attrs.field(factory=dict)
    logged: Mapping[str, Any] = attrs.field(factory=dict)
    added: Any = None

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.terms, Mapping) or not self.terms:
            raise LossError(
                "a loss has at least one named term.",
                where="gantape.Losses",
                got=repr(self.terms),
                do='name the terms: gantape.Losses({"reconstruction": ..., "divergence": ...}).',
            )
        check_names([*self.terms, *self.logged], "gantape.Losses", LossError)
        names = [*self.terms, *self.logged, *self.metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise LossError(
                "two values of one loss have the same name.",
                where="gantape.Losses",
                got=", ".join(twice),
                do="give each term, logged value and metric a name of its own.",
            )
        for name, term in self.terms.items():
            if not callable(term):
                _check_scalar(term, f'term "{name}"', "a term of a loss is a floating-point scalar.", ("float",))
        for name, value in self.logged.items():
            _check_scalar(value, f'logged value "{name}"', "a logged value is a scalar.", ("float", "int", "bool"))

    def computed(self) -> dict[str, Any]:
        """The terms, with functions called."""
        return {name: with_autograph(term)() if callable(term) else term for name, term in self.terms.items()}

    @property
    def total(self) -> Tensor:
        """The sum of the terms and of what layers add, in this order, in float32 or better."""
        return add_up([*self.computed().values(), *([] if self.added is None else [self.added])])

    def report(self, *, with_terms: bool = False) -> dict[str, Any]:
        """The scalars of the history: the loss, its terms if there are several, and the logged values.

        Args:
            with_terms: Whether a single term is included.
        """
        terms = {**self.terms} if self.added is None else {**self.terms, "added": self.added}
        logged = {name: tf.cast(value, tf.float32) for name, value in self.logged.items()}
        return {"loss": self.total, **(terms if with_terms or len(terms) > 1 else {}), **logged}


def check_returned(losses: Any, where: str) -> None:
    """Raise a `LossError` unless a loss returned `Losses`."""
    if not isinstance(losses, Losses):
        raise LossError(
            "a loss returns gantape.Losses.",
            where=where,
            got=type(losses).__name__,
            do='name the terms: return gantape.Losses({"reconstruction": value}).',
        )


def check_columns(names: Iterable[str], others: Collection[str], where: str) -> None:
    """Raise a `MetricError` if a value of a step or an evaluation has the name of another column, such as a layer's metric."""
    clash = [name for name in names if name in others]
    if clash:
        raise MetricError(
            "a metric has the name of a term of the loss.",
            where=where,
            got=", ".join(clash),
            do='rename one of them; a layer names its own: keras.metrics.Mean(name="activation"), say.',
        )


def add_up(numbers: Sequence[Any]) -> Tensor:
    """The sum of scalars in their order, in float64 if one has this type, else in float32."""
    known = [number if isinstance(number, float | int) else upcast(number) for number in numbers]
    wide = any(getattr(number, "dtype", None) == tf.float64 for number in known)
    kind = tf.float64 if wide else tf.float32
    first, *others = (
        tf.constant(number, kind) if isinstance(number, float | int) else tf.cast(number, kind) for number in known
    )
    for other in others:
        first = first + other
    return first


def upcast(numbers: Any) -> Tensor:
    """Cast 16-bit floats to float32; any other tensor is returned unchanged. What Keras keeps beside it is kept."""
    is_tensor = isinstance(numbers, tf.RaggedTensor | tf.SparseTensor)
    tensor: Any = numbers if is_tensor else tf.convert_to_tensor(numbers)
    if tensor.dtype not in (tf.float16, tf.bfloat16):
        return tensor
    precise = tf.cast(tensor, tf.float32)
    copy_companions(numbers, precise)
    return precise


def upcast_outputs(outputs: Any) -> Any:
    """Cast the 16-bit floats in the outputs of a model to float32; what is no tensor, such as `None`, stays as it is."""
    return tf.nest.map_structure(lambda leaf: upcast(leaf) if tf.is_tensor(leaf) else leaf, outputs)


def _check_scalar(value: Any, which: str, rule: str, kinds: tuple[str, ...]) -> None:
    try:
        tensor = tf.convert_to_tensor(value)
    except (TypeError, ValueError):
        got, do = repr(value), "return the value that was computed."
    else:
        if axes_of(tensor) == () and any(kind in dtype_name(tensor) for kind in kinds):
            return
        got = f"shape {axes_of(tensor)}, dtype {dtype_name(tensor)}"
        do = "reduce it over the batch, with tf.reduce_mean for instance."
    raise LossError(rule, where=f"gantape.Losses, {which}", got=got, do=do)
