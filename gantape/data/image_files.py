"""Image files: which files of a folder are images, and their pixels."""

import functools
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from gantape.errors import summary

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
ARCHIVE_OF_MAC = "__MACOSX"
MOST_KINDS = 8
MOST_MEASURED = 500
MOST_NAMED = 3
FILES_AT_ONCE = 4
MOST_BYTES_DECODED = 2**29
"""Files that take more bytes together are not decoded to see whether they are whole, which takes seconds for so many."""
TURNED_SIDEWAYS = (5, 6, 7, 8)
"""Values of the EXIF tag for orientation with which height and width change places."""


def images_in(folder: Path) -> list[str]:
    """The paths of the images in a folder and its subfolders, relative to it, in alphabetical order.

    Hidden files and folders and those that are no images are left out, which the log says with counts. Links to folders are
    followed, but not in a circle.
    """
    found: list[str] = []
    left_out: Counter[str] = Counter()
    above: dict[Path, tuple[Path, ...]] = {folder: (folder.resolve(),)}
    empty: list[str] = []
    for name, folders, files in os.walk(folder, followlinks=True):
        place = Path(name)
        chain = above.pop(place)
        seen = {name: (place / name).resolve() for name in sorted(folders) if not _is_hidden(name)}
        left_out["hidden folders"] += len(folders) - len(seen)
        folders[:] = [name for name, target in seen.items() if target not in chain]
        left_out["folders that link to one above them"] += len(seen) - len(folders)
        above |= {place / name: (*chain, seen[name]) for name in folders}
        found += [path.relative_to(folder).as_posix() for path in map(place.joinpath, files) if _is_image(path, left_out)]
        if place.parent == folder:
            empty.append(place.name)
    empty = sorted(set(empty) - {file.partition("/")[0] for file in found})
    skipped = [f"{number} {kind}" for kind, number in left_out.most_common(MOST_KINDS) if number]
    if skipped:
        logger.warning("{} images in {}; left out: {}.", len(found), folder, ", ".join(skipped))
    if empty and found:
        logger.warning("folders without an image, which are no classes: {}.", ", ".join(empty[:MOST_KINDS]))
    return sorted(found)


def readable(folder: Path, files: Sequence[str]) -> list[str]:
    """Those of the files that can be read as images; the log counts the others and names some.

    Files of at most 512 MB together are read as for training, but JPEG files at an eighth of their size, which finds those that
    are cut off and those whose numbers are no pixels. Of more, only the beginning of each is read.
    """
    paths = [folder / file for file in files]
    whole = sum(path.stat().st_size for path in paths) <= MOST_BYTES_DECODED
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        faults = list(pool.map(functools.partial(_fault_of, whole=whole), paths))
    broken = [f"{file} ({fault})" for file, fault in zip(files, faults, strict=True) if fault]
    if broken:
        named = ", ".join(broken[:MOST_NAMED]) + (", ..." if len(broken) > MOST_NAMED else "")
        logger.warning("{} of {} images in {} cannot be read and are left out: {}.", len(broken), len(files), folder, named)
    return [file for file, fault in zip(files, faults, strict=True) if not fault]


def read_image(path: Path, channels: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels of an image, shape `height width channels`.

    Raises:
        OSError: If it cannot be read as an image.
        ValueError: If its numbers are no pixels.
    """
    with Image.open(path, formats=FORMATS) as image:
        return _pixels_of(image, channels)


def warn_of_sizes(folder: Path, files: Sequence[str], size: tuple[int, int]) -> None:
    """Say in the log how many images are smaller than `size`, and how many lose half of their pixels or more by cropping.

    Of many images, 500 are measured, at even distances in the list. Files that cannot be read are left to the reader.
    """
    measured = [found for file in files[:: -(-len(files) // MOST_MEASURED)] if (found := _size_of(folder / file))]
    # What is left of an image after cropping to the requested proportions.
    shares = [min(height * size[1], width * size[0]) / max(height * size[1], width * size[0]) for height, width in measured]
    small = sum(height < size[0] or width < size[1] for height, width in measured)
    cropped = sum(share <= 0.5 for share in shares)
    if small:
        logger.warning(
            "{} of {} measured images are smaller than {}×{} pixels, and enlarged ones are blurred: "
            "choose a smaller size, or leave them out.",
            *(small, len(measured), *size),
        )
    if cropped:
        logger.warning(
            "{} of {} measured images lose half of their pixels or more when they are cropped to the proportions {}:{}: "
            "crop them yourself if what matters is not at the centre.",
            *(cropped, len(measured), *size),
        )


def _size_of(path: Path) -> tuple[int, int] | None:
    """Height and width of an upright image, from the file's header; `None` if it cannot be read."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            return (width, height) if image.getexif().get(ExifTags.Base.Orientation) in TURNED_SIDEWAYS else (height, width)
    except Exception:  # Pillow raises errors of many classes
        return None


def _fault_of(path: Path, *, whole: bool) -> str:
    """Why a file cannot be read as an image; empty if it can be."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            if whole:
                image.draft(None, (1, 1))
                _pixels_of(image, 1)
    except Exception as error:  # Pillow raises errors of many classes
        return "no image of a known format" if isinstance(error, UnidentifiedImageError) else summary(error)[:100]
    return ""


def _pixels_of(image: Image.Image, channels: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    upright: Any = ImageOps.exif_transpose(image)
    if upright.mode == "F":
        raise ValueError("floating-point numbers, whose range is not known")
    if upright.mode.startswith("I"):
        numbers = np.asarray(upright).astype(np.int64)
        if numbers.min() < 0 or numbers.max() > 65535:
            raise ValueError(f"numbers from {numbers.min()} to {numbers.max()}, where 0 to 65535 are pixels")
        upright = Image.fromarray((numbers >> 8).astype(np.uint8))
    elif upright.has_transparency_data:
        upright = upright.convert("RGBA")
        ground = Image.new("RGBA", upright.size, (255, 255, 255, 255))
        upright = Image.alpha_composite(ground, upright)
    pixels = np.asarray(upright.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == ARCHIVE_OF_MAC


def _is_image(path: Path, left_out: Counter[str]) -> bool:
    """Whether a file is an image by its name; else it is counted."""
    suffix = path.suffix.lower()
    if _is_hidden(path.name):
        left_out["hidden files"] += 1
    elif not path.is_file():
        left_out["broken links"] += 1
    elif suffix not in SUFFIXES:
        left_out[f"{suffix} files" if suffix else "files without a suffix"] += 1
    else:
        return True
    return False
