"""Image files: which files of a folder are images, and their pixels."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger
from PIL import Image, ImageOps

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
ARCHIVE_OF_MAC = "__MACOSX"
MOST_KINDS = 8


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
    told = [f"{number} {kind}" for kind, number in left_out.most_common(MOST_KINDS) if number]
    if told:
        logger.warning("{} images in {}; left out: {}.", len(found), folder, ", ".join(told))
    if empty and found:
        logger.warning("folders without an image, which are no classes: {}.", ", ".join(empty[:MOST_KINDS]))
    return sorted(found)


def read_image(path: Path, channels: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels of an image, shape `height width channels`.

    Raises:
        OSError: If it cannot be read as an image.
        ValueError: If its numbers are no pixels.
    """
    with Image.open(path, formats=FORMATS) as image:
        upright: Any = ImageOps.exif_transpose(image)
        mode = "L" if channels == 1 else "RGB"
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
        pixels = np.asarray(upright.convert(mode))
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
