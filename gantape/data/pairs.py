"""Pairs of images made from single images: digits and their outlines."""

from typing import Any

import attrs
import numpy as np

from gantape.data.arrays import ArrayBatches
from gantape.errors import DataError
from gantape.random.rng import derive_key

INK = 96
"""Pixels of at least this value are part of the figure."""


def outlines(images: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The edges of figures: 255 where a pixel of the figure has a neighbour that is not, above, below, left or right, else 0.

    Args:
        images: Bytes, shape `examples height width channels`, bright figures on a dark ground.
    """
    figure = np.pad(images >= INK, ((0, 0), (1, 1), (1, 1), (0, 0)))
    inner = figure[:, :-2, 1:-1] & figure[:, 2:, 1:-1] & figure[:, 1:-1, :-2] & figure[:, 1:-1, 2:]
    return np.where(figure[:, 1:-1, 1:-1] & ~inner, 255, 0).astype(np.uint8)


def with_outlines(data: ArrayBatches) -> ArrayBatches:
    """Batches `(images, outlines)`, for translating outlines to images.

    Args:
        data: Batches of images, or of `(images, labels)`, whose labels are dropped, stored as bytes: `gantape.data.mnist` or
            `gantape.data.digits`, for example.

    Raises:
        DataError: If they are not images of bytes.
    """
    if not isinstance(data, ArrayBatches):
        raise DataError(
            "outlines are drawn around images in memory.",
            where="gantape.data.with_outlines, argument `data`",
            got=type(data).__name__,
            do="draw them in advance, and read images and outlines from files.",
        )
    images = data.arrays[0] if isinstance(data.arrays, tuple) else data.arrays
    if getattr(images, "dtype", None) != np.uint8 or images.ndim != 4:
        raise DataError(
            "outlines are drawn around images of bytes.",
            where="gantape.data.with_outlines, argument `data`",
            got=f"{getattr(images, 'dtype', type(images).__name__)}{list(getattr(images, 'shape', ()))}",
            do="pass gantape.data.mnist(...), gantape.data.digits(...), or uint8 images, examples height width channels.",
        )
    return attrs.evolve(data, arrays=(images, outlines(images)), name=f"{data.name} with outlines")


def unpaired(data: ArrayBatches, seed: int = 0) -> ArrayBatches:
    """Batches of pairs whose second parts are shuffled, for translation without pairs.

    Args:
        data: Batches of pairs.
        seed: Seed of the order of the second parts.
    """
    first, second = data.arrays
    order = np.random.Generator(np.random.Philox(derive_key(seed, "unpaired"))).permutation(len(second))
    return attrs.evolve(data, arrays=(first, second[order]), name=f"{data.name}, unpaired")
