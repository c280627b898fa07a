"""Arrays from lists, tables and tensors of other libraries; which source of batches suits a value."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gantape.data.batches import BatchStack
from gantape.errors import DataError, summary
from gantape.types import Batch


def as_arrays(value: Any, where: str) -> Any:
    """A tuple or dict of arrays, at any depth, or a single array.

    Tuples and dicts are structure. Everything else becomes an array: a list of numbers, at any depth, a pandas table or column,
    a tensor of TensorFlow, PyTorch or JAX. NumPy arrays keep their type; other float64 numbers, which Python and pandas have by
    default, become Keras' default float type.

    Args:
        value: The value.
        where: The function and argument in the error.

    Raises:
        DataError: If a part cannot be an array of numbers or texts.
    """
    if isinstance(value, Mapping):
        return {name: as_arrays(part, f"{where}, {name!r}") for name, part in value.items()}
    if isinstance(value, tuple):
        parts = [as_arrays(part, f"{where}, part {place}") for place, part in enumerate(value)]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    array = value if isinstance(value, np.ndarray) else _converted(value, where)
    if array.dtype.hasobject or not _is_tensor_type(array.dtype):
        raise DataError(
            "an array of Python objects, dates or records cannot become a tensor.",
            where=where,
            got=f"{_kind(value)} of dtype {array.dtype}",
            do="convert it to numbers first: numpy.unique(labels, return_inverse=True)[1] numbers classes given as text, and "
            "frame.select_dtypes('number') leaves out the other columns of a table.",
        )
    return array


def source_for(value: Any) -> str:
    """The source of batches to use for a value, as advice."""
    by_default = "wrap it: gantape.data.from_arrays(arrays, batch_size=64) or gantape.data.from_dataset(dataset)."
    return _other_source(value) or by_default


def call_for_data(function: Callable[..., Batch], *arguments: Any, where: str, do: str) -> Batch:
    """What a user's function returns.

    Raises:
        DataError: If it raises an error, with that error as the cause.
    """
    try:
        return function(*arguments)
    except Exception as error:  # whatever the user's code raises
        raise DataError("data cannot be read or prepared.", where=where, got=summary(error), do=do) from error


def first_as_trained(stack: BatchStack, where: str, do: str) -> Batch:
    """The first batch of a stack as a step gets it, prepared and augmented.

    Raises:
        DataError: If a function of the user's raises an error.
    """
    batch = call_for_data(stack.prepare, stack.batch(0), where=f"{where}, `prepare` of the first batch", do=do)
    if stack.augment is None:
        return batch
    where = f"{where}, `augment` of the first batch"
    return call_for_data(stack.augment, batch, tf.constant(0, tf.int64), 0, where=where, do=do)


def shapes_of(batch: Batch) -> list[tuple[int, ...]]:
    """The shapes of the arrays in a batch."""
    return [tuple(leaf.shape) for leaf in tf.nest.flatten(batch)]


def described(arrays: Any) -> str:
    """Types and shapes of arrays, as text."""
    return ", ".join(f"{tf.as_dtype(leaf.dtype).name}{list(leaf.shape)}" for leaf in tf.nest.flatten(arrays)) or "nothing"


def check_batch_axis(batch: Batch, where: str) -> None:
    """Raise a `DataError` unless all arrays of a batch have one axis of examples, which is not empty."""
    sizes = {shape[0] if shape else None for shape in shapes_of(batch)}
    if len(sizes) != 1 or not sizes.isdisjoint({0, None}):
        raise DataError(
            "the tensors of a batch do not have as many examples.",
            where=where,
            got=described(batch),
            do="give each the axis of examples first, with one size for all; gantape.data.unpaired_sets joins two "
            "sets in batches of different sizes.",
        )


def check_size(size: Any, where: str, argument: str = "batch_size", what: str = "a batch has at least one example.") -> None:
    """Raise a `DataError` unless a number of examples or batches is a positive whole number."""
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise DataError(what, where=f"{where}, argument `{argument}`", got=repr(size), do="pass a positive integer.")


def _other_source(value: Any) -> str:
    if isinstance(value, tf.data.Dataset):
        return "wrap it: gantape.data.from_dataset(dataset)."
    if isinstance(value, keras.utils.PyDataset):
        return "wrap it: gantape.data.from_pydataset(dataset)."
    if type(value).__name__ == "DataLoader":
        return (
            "give its data set to gantape.data.from_sequence(loader.dataset, batch_size=64), which reads it by index, so that "
            "a run can be resumed."
        )
    if isinstance(value, Iterator) or callable(value):
        return (
            "for examples that are read by index, use gantape.data.from_sequence; for a stream, gantape.data.from_dataset("
            "tf.data.Dataset.from_generator(...)); for batches that depend on the training, gantape.data.online(make, "
            "batch_size=64), which calls a function when a step comes."
        )
    return ""


def _converted(value: Any, where: str) -> np.ndarray[Any, Any]:
    if isinstance(value, list) and any(getattr(part, "shape", ()) for part in value):
        raise DataError(
            "a list of arrays can mean one array or several.",
            where=where,
            got=_kind(value),
            do="numpy.stack(list) makes one array whose first axis is that of the list; a tuple of arrays is several arrays.",
        )
    if not isinstance(value, list | int | float | complex | str | bytes) and not hasattr(value, "__array__"):
        raise DataError(
            "this is not an array.",
            where=where,
            got=_kind(value),
            do=_other_source(value) or "give an array, or a tuple or dict of arrays, with numbers or texts.",
        )
    try:
        array = np.asarray(value)
    except Exception as error:  # each library raises its own
        raise DataError(
            "these are not numbers of one shape.",
            where=where,
            got=f"{_kind(value)}: {summary(error)}",
            do="bring all examples to one shape, and tensors of other devices to the CPU; write a tuple for several arrays.",
        ) from None
    return array.astype(keras.config.floatx()) if array.dtype == np.float64 else array


def _kind(value: Any) -> str:
    if isinstance(value, list) and value:
        return f"a list of {len(value)}, the first {_with_article(value[0])}"
    return _with_article(value)


def _with_article(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeio' else 'a'} {name}"


def _is_tensor_type(dtype: Any) -> bool:
    try:
        tf.as_dtype(dtype)
    except TypeError:
        return False
    return True
