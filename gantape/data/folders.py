"""Batches of the images in a folder, however many."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape.data.image_files import SUFFIXES, images_in, read_image, warn_of_sizes
from gantape.data.indexed import Examples, IndexedBatches, Rows
from gantape.data.pixels import scale_pixels
from gantape.errors import DataError, DataNotFoundError, summary
from gantape.types import Batch, Tensor

BATCHES_AHEAD, FILES_AT_ONCE = 4, 4


@attrs.frozen(eq=False)
class ImageFiles(Examples):
    """Image files, each cropped at the centre to the requested proportions and resized."""

    folder: Path
    files: Sequence[str] = attrs.field(repr=False)
    labels: Sequence[int] | None = attrs.field(repr=False)
    classes: Sequence[str]
    size: tuple[int, int]
    channels: int

    @property
    def count(self) -> int:
        return len(self.files)

    def batches(self, rows: Rows, batch_size: int) -> Iterator[Batch]:
        dataset = tf.data.Dataset.from_tensor_slices(rows).map(self._read, num_parallel_calls=FILES_AT_ONCE, deterministic=True)
        found = iter(dataset.batch(batch_size).prefetch(BATCHES_AHEAD).as_numpy_iterator())
        for first in range(0, len(rows), batch_size):
            try:
                yield next(found)
            except tf.errors.OpError as error:
                raise self._unreadable(rows[first : first + batch_size], error) from None

    def describe(self) -> dict[str, Any]:
        digest = hashlib.blake2b(digest_size=16)
        for file in self.files:
            digest.update(os.fsencode(f"{file} {(self.folder / file).stat().st_size}\n"))
        return {
            "image": [*self.size, self.channels],
            "classes": list(self.classes),
            "names_and_sizes": f"blake2b:{digest.hexdigest()}",
        }

    def _read(self, row: Tensor) -> Batch:
        # TensorFlow decodes neither WebP nor TIFF, and does not turn photographs upright.
        pixels = tf.numpy_function(self._pixels, [row], tf.uint8, stateful=False)
        image = self._fitted(tf.ensure_shape(pixels, (None, None, self.channels)))
        return image if self.labels is None else (image, tf.gather(tf.constant(self.labels, tf.int32), row))

    def _pixels(self, row: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
        return read_image(self.folder / self.files[int(row)], self.channels)

    def _fitted(self, image: Tensor) -> Tensor:
        height, width = tf.shape(image)[0], tf.shape(image)[1]
        # The largest part with the requested proportions.
        part_height = tf.clip_by_value(width * self.size[0] // self.size[1], 1, height)
        part_width = tf.clip_by_value(height * self.size[1] // self.size[0], 1, width)
        part = tf.image.crop_to_bounding_box(
            image, (height - part_height) // 2, (width - part_width) // 2, part_height, part_width
        )
        resized = tf.image.resize(part, self.size, antialias=True)
        return tf.ensure_shape(tf.saturate_cast(tf.round(resized), tf.uint8), (*self.size, self.channels))

    def _unreadable(self, rows: Rows, error: Exception) -> DataError:
        for row in rows:
            try:
                self._pixels(row)
            except Exception as found:  # Pillow raises errors of many classes
                return DataError(
                    "a file in the folder cannot be read as an image.",
                    where=str(self.folder / self.files[row]),
                    got=summary(found),
                    do="remove it from the folder, or save it again as PNG or JPEG.",
                )
        return DataError(
            "images in the folder cannot be read.", where=str(self.folder), got=summary(error), do="check the files."
        )


def image_folder(
    folder: str | Path,
    *,
    batch_size: int,
    size: int | tuple[int, int],
    channels: int = 3,
    labels: bool = False,
    pixels: tuple[float, float] = (-1.0, 1.0),
) -> IndexedBatches:
    """Batches of the images in a folder and its subfolders: PNG, JPEG, WebP, GIF, BMP and TIFF.

    Images are read when they are needed: only a few batches are in memory. Photographs are turned upright, transparent images
    laid on white, 16 bits scaled to 8; of an animation, the first picture counts. Names that begin with a dot are hidden, and
    left out, as are other files; the log says how many, and how many
    images are smaller than requested or lose half of their pixels by cropping. Links to folders are followed.

    Args:
        folder: The folder.
        batch_size: Examples in a batch.
        size: Height and width, or one number for both. Images of other proportions are cropped.
        channels: 3 for colour, 1 for grey.
        labels: Whether a batch is `(images, labels)` or images alone. A label is the index of an image's subfolder of
            `folder`, in alphabetical order.
        pixels: The range that the bytes are scaled to, inside the graph.

    Returns:
        Batches of images, shape `batch height width channels`.

    Raises:
        DataNotFoundError: If there is no such folder, or no image in it.
        DataError: If an argument is invalid, or labels are requested and an image is in no subfolder.
    """
    where, folder = "gantape.data.image_folder", Path(folder)
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides) or channels not in (1, 3):
        raise DataError(
            "images have a height, a width, and 1 or 3 channels.",
            where=where,
            got=f"size={size!r}, channels={channels!r}",
            do="give size=64 or size=(64, 96), and channels=3 for colour or 1 for grey.",
        )
    files = images_in(folder)
    if not files:
        raise DataNotFoundError(
            "there are no images.",
            where=f"{where}, argument `folder`",
            got=f"{folder}, {'with no image in it' if folder.is_dir() else 'which is no folder'}",
            do=f"name a folder with files that end in {', '.join(SUFFIXES)}.",
        )
    names = [file.partition("/")[0] if "/" in file else None for file in files]
    classes = sorted({name for name in names if name is not None})
    if labels and None in names:
        raise DataError(
            "some images have no label: a label is the subfolder of an image.",
            where=f"{where}, argument `labels`",
            got=f"{names.count(None)} images in no subfolder, such as {files[names.index(None)]}",
            do=f"sort the images into subfolders of {folder}, one per class, or pass labels=False.",
        )
    warn_of_sizes(folder, files, (sides[0], sides[1]))
    numbers = [classes.index(str(name)) for name in names] if labels else None
    source = ImageFiles(folder, files, numbers, classes if labels else (), (sides[0], sides[1]), channels)
    return IndexedBatches(source, batch_size, scale_pixels(*pixels), f"folder {folder.name}")
