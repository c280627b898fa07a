"""Augmentations that move or cover the pixels of an image."""

from typing import Any

import attrs
import tensorflow as tf

from gantape.augment.augmentation import Augmentation
from gantape.random.rng import RandomStreams
from gantape.shapes import Images, check_shape, sizes_of
from gantape.types import Tensor


@attrs.frozen
class Translation(Augmentation):
    """Shifts each image by whole pixels, by at most the fraction `share` of its height and width.

    Args:
        share: Largest shift, as a fraction of the height and the width.
        fill: Value of the pixels that come in at the edge: 0 in the paper; for digits, use that of black.
    """

    share: float = 0.125
    fill: float = 0.0

    def __call__(self, examples: Images, rng: RandomStreams) -> Images:
        count, height, width, _ = _sizes(examples, "Translation")
        rows, down = _shifts(height, self.share, rng, "rows", count, examples.dtype)
        columns, right = _shifts(width, self.share, rng, "columns", count, examples.dtype)
        # A product with a matrix of ones and zeros is exact, and much faster than a gather in XLA on a CPU.
        moved = tf.einsum("bij,bjwc->biwc", rows, examples)
        moved = tf.einsum("bvw,biwc->bivc", columns, moved)
        inside = down[:, :, None, None] * right[:, None, :, None]
        return moved + self.fill * (1.0 - inside)


@attrs.frozen
class Cutout(Augmentation):
    """Covers a rectangle of each image, whose centre may be anywhere in the image.

    Args:
        share: Sides of the rectangle, as a fraction of the height and the width.
        fill: Value of the covered pixels.
    """

    share: float = 0.5
    fill: float = 0.0

    def __call__(self, examples: Images, rng: RandomStreams) -> Images:
        count, height, width, _ = _sizes(examples, "Cutout")
        rows = _span(height, self.share, rng, "rows", count, examples.dtype)
        columns = _span(width, self.share, rng, "columns", count, examples.dtype)
        covered = rows[:, :, None, None] * columns[:, None, :, None]
        return examples * (1.0 - covered) + self.fill * covered


def _sizes(examples: Images, name: str) -> list[Any]:
    where = f"gantape.augment.{name}, argument `examples`"
    check_shape(examples, "batch height width channels", name="images", where=where)
    return sizes_of(examples)


def _shifts(size: int, share: float, rng: RandomStreams, name: str, count: int, dtype: Any) -> tuple[Tensor, Any]:
    """For each image, a matrix that shifts an axis, shape `batch size size`, and 1 for each pixel that came from inside."""
    most = round(share * size)
    shift = rng.integers(name, [count, 1], 2 * most + 1) - most
    matrix = tf.one_hot(tf.range(size)[None, :] + shift, size, dtype=dtype)
    return matrix, tf.reduce_sum(matrix, axis=2)


def _span(size: int, share: float, rng: RandomStreams, name: str, count: int, dtype: Any) -> Any:
    """For each image, 1 on a span of an axis and 0 elsewhere, shape `batch size`."""
    length = round(share * size)
    first = rng.integers(name, [count, 1], size + 1 - length % 2) - length // 2
    places = tf.range(size)[None, :]
    return tf.cast((places >= first) & (places < first + length), dtype)
