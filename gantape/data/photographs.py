"""Colour images that need no network: crops of the two photographs that scikit-learn ships."""

from typing import Any

import numpy as np
from PIL import Image

from gantape.data.arrays import ArrayBatches
from gantape.data.images import Split, check_split, image_batches
from gantape.errors import DataError

PHOTOGRAPHS = ("china.jpg", "flower.jpg")
"""A summer palace and a dahlia, 427×640 pixels each; their index is the label of a crop."""

TRAINING_COLUMNS = 384
"""The training crops lie to the left of this column of a photograph, the test crops to its right."""

WINDOW = 128
"""The least height and width of a crop before it is resized: smaller ones would mostly be plain sky or plain petals."""

STRIDE = 8
SIZES = range(8, 257)

Crops = np.ndarray[Any, np.dtype[np.uint8]]


def photographs(
    *,
    batch_size: int,
    size: int = 64,
    channels: int = 3,
    split: Split = "train",
    labels: bool = True,
    pixels: tuple[float, float] = (0.0, 1.0),
) -> ArrayBatches:
    """Square crops of two photographs, a palace under a cloudy sky and a red flower. They need no network.

    A crop covers 128×128 pixels, or `size`×`size` if that is larger, and is resized to `size`; there is one at every eighth
    pixel of both axes. Training and test crops come from the left 384 and the right 256 columns: no pixel is in both splits. Up
    to a size of 128 there are 2,508 training and 1,292 test crops; those of a split overlap, so that they vary far less than
    as many photographs.

    Args:
        batch_size: Examples in a batch.
        size: Height and width of an image, from 8 to 256.
        channels: 3 for colour, 1 for grey.
        split: "train" or "test".
        labels: Whether a batch is `(images, labels)` or images alone. A label is 0 for the palace, 1 for the flower.
        pixels: The range that the bytes are scaled to, inside the graph.

    Returns:
        Batches of images, shape `batch size size channels`.

    Raises:
        DataError: If an argument is invalid.
    """
    check_split(split, "photographs")
    if not isinstance(size, int) or size not in SIZES or channels not in (1, 3):
        raise DataError(
            "there are no such crops.",
            where="gantape.data.photographs",
            got=f"size={size!r}, channels={channels!r}",
            do=f"give a size from {SIZES[0]} to {SIZES[-1]}, and channels=3 for colour or 1 for grey.",
        )
    parts = [_crops(photograph, size, split) for photograph in _load(channels)]
    images = np.concatenate(parts)
    numbers = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return image_batches((images, numbers), f"photographs {split}", batch_size, labels, pixels)


def _load(channels: int) -> list[Crops]:
    """The photographs, `height width channels`."""
    from sklearn.datasets import load_sample_image

    found = [Image.fromarray(load_sample_image(name)) for name in PHOTOGRAPHS]
    return [np.asarray(image if channels == 3 else image.convert("L")).reshape(*image.size[::-1], channels) for image in found]


def _crops(photograph: Crops, size: int, split: Split) -> Crops:
    """All crops of a split, `crops size size channels`."""
    columns = slice(None, TRAINING_COLUMNS) if split == "train" else slice(TRAINING_COLUMNS, None)
    window = max(size, WINDOW)
    views = np.lib.stride_tricks.sliding_window_view(photograph[:, columns], (window, window), (0, 1))[::STRIDE, ::STRIDE]
    crops = np.moveaxis(views, 2, -1).reshape(-1, window, window, photograph.shape[-1])
    return crops if size == window else np.stack([_resized(crop, size) for crop in crops])


def _resized(crop: Crops, size: int) -> Crops:
    image = Image.fromarray(crop if crop.shape[-1] == 3 else crop[..., 0])
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)).reshape(size, size, -1)
