"""Shapes as axis names, and checks of tensors against them.

A shape is written as its axes in order, `"batch height width channels"`. A number is an axis of that size, `...` stands for
any number of axes (at most once), and every other word names an axis: the same word means the same size.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import tensorflow as tf

from gantape.errors import DtypeError, ShapeError
from gantape.types import Tensor

Images: TypeAlias = Annotated[Tensor, "batch height width channels"]
Latents: TypeAlias = Annotated[Tensor, "batch latent"]
Scores: TypeAlias = Annotated[Tensor, "batch ..."]
Scalar: TypeAlias = Annotated[Tensor, ""]

Sizes: TypeAlias = dict[str, int]


def axes_of(tensor: Any) -> tuple[int | None, ...]:
    """The static sizes of a tensor's axes, `None` where a size is unknown until the graph runs."""
    shape = tensor.shape
    if getattr(shape, "rank", 0) is None:
        raise ShapeError(
            "a tensor of unknown rank cannot be checked.",
            where="gantape.shapes.axes_of",
            got=f"shape {shape}",
            do="give it a shape with tf.ensure_shape.",
        )
    return tuple(None if size is None else int(size) for size in shape)


def sizes_of(tensor: Any) -> list[Any]:
    """The sizes of a tensor's axes, each as an int, or as a scalar tensor where it is unknown until the graph runs."""
    return [tf.shape(tensor)[axis] if size is None else size for axis, size in enumerate(axes_of(tensor))]


def match_shape(axes: tuple[int | None, ...], pattern: str, known: Mapping[str, int] | None = None) -> Sizes | None:
    """Match the sizes of axes against a pattern.

    Args:
        axes: Sizes of the axes. `None` is unknown, and matches every word and number.
        pattern: Axis names, such as `"batch height width 1"`.
        known: Sizes of words that are already known.

    Returns:
        The size of each word, known ones included; `None` if the axes do not match.
    """
    words = pattern.split()
    if words.count("...") > 1:
        raise ShapeError(
            "a pattern has at most one `...`.",
            where="gantape.shapes.match_shape, argument `pattern`",
            got=repr(pattern),
            do="name the axes on one side.",
        )
    if "..." in words:
        gap = words.index("...")
        tail = len(words) - gap - 1
        if len(axes) < gap + tail:
            return None
        axes = (*axes[:gap], *axes[len(axes) - tail :])
        words.remove("...")
    if len(axes) != len(words):
        return None
    sizes: Sizes = dict(known or {})
    for size, word in zip(axes, words, strict=True):
        if size is None:
            continue
        expected = int(word) if word.isdigit() else sizes.setdefault(word, size)
        if size != expected:
            return None
    return sizes


def check_shape(
    tensor: Any, pattern: str, *, name: str, where: str, known: Mapping[str, int] | None = None, do: str = ""
) -> Sizes:
    """Raise a `ShapeError` unless a tensor fits a pattern of axis names.

    Args:
        tensor: Anything with a `shape`.
        pattern: Axis names, such as `"batch height width 1"`.
        name: The tensor's name in the error.
        where: The function and argument in the error.
        known: Sizes of words that are already known.
        do: How to fix it; by default, advice that follows from the shape.

    Returns:
        The size of each word.

    Raises:
        ShapeError: If the tensor does not fit.
    """
    axes = axes_of(tensor)
    sizes = match_shape(axes, pattern, known)
    if sizes is None:
        raise ShapeError(
            f'{name} do not fit "{pattern}"' + (f" with {dict(known)}." if known else "."),
            where=where,
            got=describe(tensor),
            do=do or _advice(axes, pattern),
        )
    return sizes


def check_floating(tensor: Any, *, name: str, where: str, do: str) -> None:
    """Raise a `DtypeError` unless a tensor holds floating-point numbers."""
    if "float" not in dtype_name(tensor):
        raise DtypeError(f"{name} are not floating-point numbers.", where=where, got=describe(tensor), do=do)


def how_to_floats(tensor: Any, pixels: str = "") -> str:
    """How to make floating-point numbers of a tensor, as text for errors; `pixels` are the arguments of `scale_pixels`."""
    if dtype_name(tensor) == "uint8":
        scaling = f"scale bytes to floats: prepare=gantape.data.scale_pixels({pixels}) does it inside the graph"
        return scaling + ("." if pixels else '; a model that scales them itself begins with keras.Input(..., dtype="uint8").')
    return 'convert whole numbers to floats, array.astype("float32"), and bring columns to similar ranges.'


def dtype_name(tensor: Any) -> str:
    """The name of a tensor's dtype, such as `"float32"`, whichever library the tensor is from."""
    dtype = tensor.dtype
    return str(getattr(dtype, "name", dtype))


def describe(tensor: Any) -> str:
    """Shape and dtype of a tensor, as text for errors."""
    return f"shape {axes_of(tensor)}, dtype {dtype_name(tensor)}"


def _advice(axes: tuple[int | None, ...], pattern: str) -> str:
    wanted = len(pattern.split())
    if "..." not in pattern and len(axes) == wanted - 1:
        return "one axis is missing: for the channel axis write images[..., None]."
    return f'pass a tensor with the axes "{pattern}".'
