"""The pictures in a run's directory, as far as a page has room for them."""

import base64
import functools
import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
from markupsafe import Markup
from PIL import Image

from gantape.report.page.words import sentence

MOST_FRAMES, MOST_SERIES, MOST_SINGLE = 40, 6, 12
BYTES_OF_SERIES, BYTES_OF_SINGLE = 4_500_000, 1_500_000
"""Of all pictures of a kind on a page, as text."""

LARGE_BYTES, LARGE_SIDE = 250_000, 1024
"""A picture with more bytes is made smaller: to so many pixels on its longer side, as WebP."""

APART = ("checkpoints", "tensorboard")
TITLES = {
    "interpolation": "Ways between pairs of latents",
    "neighbours": "Samples and their nearest real examples",
    "updates": "What each update calls and moves",
}


@attrs.frozen
class Picture:
    """A picture as text.

    Args:
        label: Its title or step.
        source: The picture as a data URI, which is as HTML has it.
        width: In pixels.
        height: In pixels.
    """

    label: str
    source: Markup
    width: int
    height: int


@attrs.frozen
class PictureSeries:
    """Pictures of one thing at several steps.

    Args:
        title: What they show.
        pictures: Those that are on the page, in order; not empty.
        count: How many there are in the folder.
    """

    title: str
    pictures: tuple[Picture, ...]
    count: int


def picture_series(folder: Path) -> tuple[PictureSeries, ...]:
    """The folders of numbered pictures in a run's directory: at most 40 pictures of each, the first and the last included."""
    found = {place: paths for place in sorted(_folders(folder)) if (paths := _numbered(place))}
    chosen = list(found.items())[:MOST_SERIES]
    series = []
    for place, paths in chosen:
        pictures = _fitting(paths, BYTES_OF_SERIES // len(chosen))
        if pictures:
            title = place.relative_to(folder).as_posix().replace("_", " ")
            series.append(PictureSeries(sentence(title), pictures, len(paths)))
    return tuple(series)


def single_pictures(folder: Path) -> tuple[Picture, ...]:
    """The pictures that lie in a run's directory itself."""
    room, found = BYTES_OF_SINGLE, []
    paths = [path for ending in ("png", "svg") for path in folder.glob(f"*.{ending}") if not path.is_symlink()]
    for path in sorted(paths)[:MOST_SINGLE]:
        title = TITLES.get(path.stem, path.stem.replace("_", " ").replace("-", " "))
        picture = _picture(path, sentence(title))
        if picture is not None and len(picture.source) <= room:
            room -= len(picture.source)
            found.append(picture)
    return tuple(found)


def evenly(count: int, most: int) -> list[int]:
    """At most so many of the numbers from 0 to `count`, evenly spread, the first and the last included."""
    if count <= most:
        return list(range(count))
    return [int(place) for place in np.unique(np.linspace(0, count - 1, most).round().astype(int))]


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink() and path.name not in APART]


def _numbered(folder: Path) -> list[Path]:
    """The pictures of a folder whose names end in a number, in the order of the numbers."""
    paths = [path for path in folder.glob("*.png") if re.search(r"\d$", path.stem) and not path.is_symlink()]
    return sorted(paths, key=lambda path: (_step(path), path.name))


def _step(path: Path) -> int:
    found = re.search(r"(\d+)$", path.stem)
    return int(found.group(1)) if found else 0


def _fitting(paths: Sequence[Path], room: int) -> tuple[Picture, ...]:
    """As many of the pictures as there is room for, evenly spread."""
    most = MOST_FRAMES
    while True:
        places = evenly(len(paths), most)
        pictures = [_picture(paths[place], f"step {_step(paths[place]):,}") for place in places]
        found = tuple(picture for picture in pictures if picture is not None)
        size = sum(len(picture.source) for picture in found)
        if size <= room or len(places) <= 2:
            return found
        most = max(2, min(len(places) - 1, int(len(places) * room / size)))


def _picture(path: Path, label: str) -> Picture | None:
    """The picture in a file; nothing if it cannot be read, half written as it may be."""
    try:
        facts = path.stat()
        embedded = _embedded_drawing if path.suffix == ".svg" else _embedded
        source, width, height = embedded(path, facts.st_mtime_ns, facts.st_size)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # SyntaxError: a broken PNG or SVG
        return None
    return Picture(label, Markup(source), width, height)  # base64 has nothing to escape, and is long


@functools.lru_cache(maxsize=4 * MOST_FRAMES)
def _embedded(path: Path, changed: int, size: int) -> tuple[str, int, int]:  # noqa: ARG001  a part of the key
    """A file's picture as a data URI, its width and its height. Kept while the file is the same."""
    with Image.open(path) as image:
        image.load()
        width, height = image.size
        if size <= LARGE_BYTES:
            return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}", width, height
        small = image.convert("RGB")
    small.thumbnail((LARGE_SIDE, LARGE_SIDE))
    written = io.BytesIO()
    small.save(written, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(written.getvalue()).decode()}", *small.size


@functools.lru_cache(maxsize=MOST_SINGLE)
def _embedded_drawing(path: Path, changed: int, size: int) -> tuple[str, int, int]:  # noqa: ARG001  a part of the key
    """A drawing as a data URI, its width and its height. As an image it runs no scripts and loads nothing."""
    text = path.read_bytes()
    _, _, width, height = map(float, ElementTree.fromstring(text).attrib.get("viewBox", "").split())
    return f"data:image/svg+xml;base64,{base64.b64encode(text).decode()}", round(width), round(height)
