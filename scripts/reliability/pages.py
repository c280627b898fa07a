"""Pages of labelled strips of images, in greys and red, for the documentation."""

from collections.abc import Sequence
from pathlib import Path

import attrs
from PIL import Image, ImageDraw, ImageFont

GAP = 8
GREY_STEP = 15
BLACK, RED, WHITE = (20, 20, 20), (190, 0, 0), (255, 255, 255)


@attrs.frozen
class Tile:
    """Strips of images below each other, under a line of text.

    Args:
        title: The text.
        good: Whether it is written in black; in red otherwise.
        strips: The files of the strips, which are all of one size; a missing one leaves its place empty.
    """

    title: str
    good: bool
    strips: tuple[Path, ...]


def draw_page(columns: Sequence[Sequence[Tile]], path: Path, *, zoom: int = 1, crop: int | None = None) -> None:
    """Write columns of tiles as one PNG file.

    Args:
        columns: Tiles from top to bottom, column by column.
        path: The file.
        zoom: The side of a pixel.
        crop: How many pixels of each strip are shown, from the left; all by default.
    """
    found = [strip for column in columns for tile in column for strip in tile.strips if strip.is_file()]
    if not found:
        return
    with Image.open(found[0]) as first:
        width, height = zoom * (crop or first.width), zoom * first.height
    font = ImageFont.load_default(size=12 + 4 * (zoom - 1))
    line = 16 + 6 * (zoom - 1)
    most = max(len(tile.strips) for column in columns for tile in column)
    tall = line + most * height + GAP
    size = (GAP + len(columns) * (width + GAP), GAP + max(map(len, columns)) * tall)
    page = Image.new("RGB", size, WHITE)
    pen = ImageDraw.Draw(page)
    for across, column in enumerate(columns):
        for down, tile in enumerate(column):
            left, top = GAP + across * (width + GAP), GAP + down * tall
            pen.text((left, top), tile.title, BLACK if tile.good else RED, font=font)
            for place, strip in enumerate(tile.strips):
                if strip.is_file():
                    with Image.open(strip) as image:
                        shown = image.convert("RGB").crop((0, 0, width // zoom, height // zoom))
                    page.paste(shown.resize((width, height), Image.Resampling.NEAREST), (left, top + line + place * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    page.quantize(palette=_palette(), dither=Image.Dither.NONE).save(path, optimize=True)


def _palette() -> Image.Image:
    """A palette of greys and red; one chosen by frequency would tint the greys."""
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(level for level in range(0, 256, GREY_STEP) for _ in range(3)), *RED])
    return palette
