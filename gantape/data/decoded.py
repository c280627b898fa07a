"""Decoded images, kept on disk for later epochs and runs."""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger

from gantape._files import cache_folder
from gantape.errors import DataError

SIZE_VARIABLE = "GANTAPE_IMAGE_CACHE_GB"
USUAL_GIGABYTES = 10.0
DIGEST_BYTES = 16
YOUNG = 2.0
"""A file that was changed less than these seconds ago is not kept: its times may not show that it changes once more."""

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


class DecodedImages:
    """The decoded images of one folder in one size: a file of records of equal length, one for each image.

    A record is a digest and the pixels. The digest covers the pixels and their origin: name, size and times of the image's
    file. So a record is used only if it is whole and its file is unchanged: a process may have been killed while writing it, or
    two may have written it at once, or it belongs to another list of files. The file is read, not mapped: the operating system
    decides what of it stays in memory, and takes that memory back when it is needed.

    If the file cannot be written, because the disk is full, for example, images are decoded each time, and the log says so.

    Args:
        path: The file.
        shape: Height, width and channels of an image.
        most: The number of images that have room.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], most: int) -> None:
        self._path = path
        self._shape = shape
        self._bytes = DIGEST_BYTES + int(np.prod(shape))
        self._most = most
        self._saves = True

    @classmethod
    def of(cls, folder: Path, shape: tuple[int, int, int], images: int, made_by: Sequence[str]) -> "DecodedImages":
        """The file for a folder, made if need be; files that were not used for longest make room for it.

        Args:
            folder: The folder of images.
            shape: Height, width and channels of a decoded image.
            images: The number of images.
            made_by: What else the pixels depend on, such as the versions of the libraries that decode them.

        Raises:
            DataError: If the environment variable for the size of the cache does not hold a number.
        """
        described = "\n".join([str(folder.resolve()), *map(str, shape), *made_by])
        name = hashlib.blake2b(os.fsencode(described), digest_size=8).hexdigest()
        found = cls(cache_folder() / "images" / f"{name}.pixels", shape, 0)
        room = _most_bytes()
        if not room:
            return found
        try:
            found._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(found._path, os.O_CREAT | os.O_WRONLY, 0o600))
            os.utime(found._path)
            wanted = images * found._bytes
            # Half of the disk's free space is left to others.
            room = min(room, found._path.stat().st_size + shutil.disk_usage(found._path.parent).free // 2)
            _make_room(found._path, _most_bytes() - min(room, wanted))
        except OSError as error:
            found._give_up(error)
            return found
        found._most = min(images, room // found._bytes)
        logger.info(
            "{}: {} of {} decoded images are kept in {}, {:.0f} MB; {}=0 keeps none.",
            *(folder, found._most, images, found._path, found._most * found._bytes / 1e6, SIZE_VARIABLE),
        )
        return found

    @contextlib.contextmanager
    def open(self) -> Iterator[FileIO | None]:
        """The file for `load` and `save`, each thread's own; `None` if there is none."""
        try:
            file = self._path.open("r+b", buffering=0) if self._most else None
        except OSError:  # removed by another process
            file = None
        with file or contextlib.nullcontext():
            yield file

    def load(self, file: FileIO, place: int, origin: bytes, image: Pixels) -> bool:
        """Read an image.

        Args:
            file: The open file.
            place: The number of the image.
            origin: What the pixels are made from.
            image: Where the pixels are put, shape `height width channels`.

        Returns:
            Whether the image is there.
        """
        if place >= self._most:
            return False
        record = np.empty(self._bytes, np.uint8)
        try:
            file.seek(place * self._bytes)
            read = file.readinto(record.data)
        except OSError:
            return False
        pixels = record[DIGEST_BYTES:]
        if read != self._bytes or record[:DIGEST_BYTES].tobytes() != _digest(origin, pixels):
            return False
        image[...] = pixels.reshape(self._shape)
        return True

    def save(self, file: FileIO, place: int, origin: bytes, image: Pixels) -> None:
        """Write an image. Arguments as for `load`."""
        if place >= self._most or not self._saves:
            return
        pixels = np.ascontiguousarray(image).reshape(-1)
        try:
            file.seek(place * self._bytes)
            file.write(_digest(origin, pixels) + pixels.tobytes())
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if self._saves:
            logger.warning("decoded images cannot be kept in {}: {}. They are decoded in each epoch.", self._path, error)
        self._saves = False


def origin_of(path: Path) -> bytes | None:
    """Name, size and times of a file; `None` if it is missing or was changed a moment ago."""
    try:
        facts = path.stat()
    except OSError:
        return None
    # Unlike the time of modification, that of the change cannot be set, as programs that copy files do.
    changed = max(facts.st_mtime_ns, facts.st_ctime_ns)
    if 0 <= time.time_ns() - changed < YOUNG * 1e9:
        return None
    return os.fsencode(f"{path}\n{facts.st_size}\n{facts.st_mtime_ns}\n{facts.st_ctime_ns}\n")


def _digest(origin: bytes, pixels: Pixels) -> bytes:
    digest = hashlib.blake2b(origin, digest_size=DIGEST_BYTES)
    digest.update(pixels.data)
    return digest.digest()


def _make_room(path: Path, most: int) -> None:
    """Remove the files that were not used for longest until the others take at most so many bytes."""
    others = [(other.stat(), other) for other in path.parent.glob(f"*{path.suffix}") if other != path]
    for facts, other in sorted(others, key=lambda found: found[0].st_mtime_ns, reverse=True):
        most -= facts.st_size
        if most < 0:
            with contextlib.suppress(OSError):
                other.unlink()


def _most_bytes() -> int:
    said = os.environ.get(SIZE_VARIABLE, str(USUAL_GIGABYTES))
    try:
        return int(max(0.0, float(said)) * 1e9)
    except (ValueError, OverflowError):
        raise DataError(
            "the size of the cache of decoded images is a number of gigabytes.",
            where=f"environment variable {SIZE_VARIABLE}",
            got=repr(said),
            do=f"set it to a number such as {USUAL_GIGABYTES:.0f}, or to 0 to keep no decoded images.",
        ) from None
