"""Batches of the images in a folder, however many."""

import functools
import hashlib
import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import PIL
import tensorflow as tf

from gantape.data.decoded import DecodedImages, Pixels, origin_of
from gantape.data.image_files import SUFFIXES, images_in, read_image, readable, warn_of_sizes
from gantape.data.indexed import Examples, IndexedBatches, Rows
from gantape.data.pixels import scale_pixels
from gantape.errors import DataError, DataNotFoundError, counted, summary
from gantape.types import Batch, Tensor

FILES_AT_ONCE = 4
BATCHES_AHEAD, BYTES_AHEAD = 4, 2**25
"""As many batches are read in advance as take so many bytes, and at least four: a call of compiled code takes many."""


@attrs.frozen(eq=False)
class ImageFiles(Examples):
    """Image files, each cropped at the centre to the requested proportions and resized."""

    folder: Path
    files: Sequence[str] = attrs.field(repr=False)
    labels: np.ndarray[Any, np.dtype[np.int32]] | None = attrs.field(repr=False)
    classes: Sequence[str]
    size: tuple[int, int]
    channels: int

    @property
    def count(self) -> int:
        return len(self.files)

    def batches(self, rows: Rows, batch_size: int) -> Iterator[Batch]:
        """Batches, of which the next few are read in the background."""
        ahead: deque[tuple[Rows, Pixels, list[Future[None]]]] = deque()
        fill = functools.partial(self._fill, self._decoded, self._resize)
        most = max(BATCHES_AHEAD, BYTES_AHEAD // (batch_size * math.prod(self._shape)))
        pool = ThreadPoolExecutor(FILES_AT_ONCE, "gantape-images")
        try:
            for first in range(0, len(rows), batch_size):
                chosen = rows[first : first + batch_size]
                images = np.empty((len(chosen), *self._shape), np.uint8)
                parts = zip(np.array_split(images, FILES_AT_ONCE), np.array_split(chosen, FILES_AT_ONCE), strict=True)
                ahead.append((chosen, images, [pool.submit(fill, *part) for part in parts]))
                if len(ahead) > most:
                    yield self._finished(*ahead.popleft())
            while ahead:
                yield self._finished(*ahead.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def describe(self) -> dict[str, Any]:
        digest = hashlib.blake2b(digest_size=16)
        for file in self.files:
            digest.update(os.fsencode(f"{file} {(self.folder / file).stat().st_size}\n"))
        return {
            "image": [*self.size, self.channels],
            "classes": list(self.classes),
            "names_and_sizes": f"blake2b:{digest.hexdigest()}",
        }

    @property
    def _shape(self) -> tuple[int, int, int]:
        return (*self.size, self.channels)

    @functools.cached_property
    def _decoded(self) -> DecodedImages:
        made_by = ("Pillow", PIL.__version__, "TensorFlow", tf.__version__)
        return DecodedImages.of(self.folder, self._shape, self.count, made_by)

    @functools.cached_property
    def _resize(self) -> Any:
        """Resizes an image; compiled once for all of them."""

        def resize(image: Tensor) -> Tensor:
            with tf.device("CPU"):
                resized = tf.image.resize(image, self.size, antialias=True)
                return tf.saturate_cast(tf.round(resized), tf.uint8)

        any_size = tf.TensorSpec((None, None, self.channels), tf.uint8)
        return tf.function(resize, autograph=False).get_concrete_function(any_size)

    def _fill(self, decoded: DecodedImages, resize: Any, images: Pixels, rows: Rows) -> None:
        """Read some images of a batch."""
        with decoded.open() as file:
            for image, row in zip(images, rows.tolist(), strict=True):
                origin = None if file is None else origin_of(self.folder / self.files[row])
                if file is None or origin is None:
                    image[...] = self._image(row, resize)
                elif not decoded.load(file, row, origin, image):
                    image[...] = self._image(row, resize)
                    decoded.save(file, row, origin, image)

    def _finished(self, rows: Rows, images: Pixels, parts: Sequence[Future[None]]) -> Batch:
        for part in parts:
            part.result()
        return images if self.labels is None else (images, self.labels[rows])

    def _image(self, row: int, resize: Any) -> Pixels:
        path = self.folder / self.files[row]
        try:
            pixels = read_image(path, self.channels)
        except Exception as error:  # Pillow raises errors of many classes
            raise DataError(
                "a file in the folder cannot be read as an image.",
                where=str(path),
                got=summary(error),
                do="remove it from the folder, or save it again as PNG or JPEG.",
            ) from None
        part = largest_part(pixels, self.size)
        return part if part.shape == self._shape else resize(tf.constant(part)).numpy()


def largest_part(image: Pixels, proportions: tuple[int, int]) -> Pixels:
    """The largest part at the centre of an image that has these proportions of height and width."""
    height, width = image.shape[:2]
    part_height = min(max(width * proportions[0] // proportions[1], 1), height)
    part_width = min(max(height * proportions[1] // proportions[0], 1), width)
    top, left = (height - part_height) // 2, (width - part_width) // 2
    return image[top : top + part_height, left : left + part_width]


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

    Images are read when they are needed: only a few batches are in memory. Decoded images are kept on disk for later epochs and
    runs, in the folder `images` of the user's cache or of `GANTAPE_CACHE`; an image whose file has changed is decoded anew. All
    kept images take at most 10 GB, or as many as the environment variable `GANTAPE_IMAGE_CACHE_GB` says; 0 keeps none.

    Photographs are turned upright, transparent images laid on white, 16 bits scaled to 8; of an animation, the first picture
    counts. Names that begin with a dot are hidden, and left out, as are other files and damaged images. The log says how many,
    and how many images are smaller than requested or lose half of their pixels by cropping. Images of at most 512 MB together
    are decoded to find those that are cut off; of more, only the beginning of each is read. Links to folders are followed.

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
    files = readable(folder, images_in(folder))
    if not files:
        raise DataNotFoundError(
            "there are no images.",
            where=f"{where}, argument `folder`",
            got=f"{folder}, {'with no image in it that can be read' if folder.is_dir() else 'which is no folder'}",
            do=f"name a folder with files that end in {', '.join(SUFFIXES)}.",
        )
    names = [file.partition("/")[0] if "/" in file else None for file in files]
    classes = sorted({name for name in names if name is not None})
    if labels and None in names:
        raise DataError(
            "some images have no label: a label is the subfolder of an image.",
            where=f"{where}, argument `labels`",
            got=f"{counted(names.count(None), 'image')} in no subfolder, such as {files[names.index(None)]}",
            do=f"sort the images into subfolders of {folder}, one per class, or pass labels=False.",
        )
    warn_of_sizes(folder, files, (sides[0], sides[1]))
    numbers = np.array([classes.index(str(name)) for name in names], np.int32) if labels else None
    source = ImageFiles(folder, files, numbers, classes if labels else (), (sides[0], sides[1]), channels)
    return IndexedBatches(source, batch_size, scale_pixels(*pixels), f"folder {folder.name}")
