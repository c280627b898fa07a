"""Make a folder of pictures to try image folders and recipes of larger sizes with: a coloured shape on textured ground.

A picture follows from the seed and its number alone. Circles, squares, triangles and rings lie in a folder each.
"""

import colorsys
from pathlib import Path

import attrs
import numpy as np
import tyro
from PIL import Image, ImageDraw
from tqdm import tqdm

CLASSES = ("circle", "ring", "square", "triangle")
OVERSAMPLING = 4
"""Shapes are drawn this many times larger, for smooth edges."""


@attrs.frozen
class Arguments:
    """The pictures to make.

    Args:
        folder: The folder for the pictures.
        count: The number of pictures.
        size: Height and width of a picture.
        grey: Whether to draw without colour.
        seed: The seed of the pictures.
    """

    folder: tyro.conf.Positional[Path]
    count: int = 8_000
    size: int = 64
    grey: bool = False
    seed: int = 0


def picture(size: int, random: np.random.Generator) -> tuple[Image.Image, str]:
    """A picture and its class."""
    shape = str(random.choice(CLASSES))
    hue, ground_hue = random.uniform(size=2)
    image = ground(size, ground_hue, random)
    side = size * OVERSAMPLING
    mask = Image.new("L", (side, side))
    radius = side * random.uniform(0.18, 0.32)
    x, y = random.uniform(1.1 * radius, side - 1.1 * radius, size=2)
    draw_shape(ImageDraw.Draw(mask), shape, float(x), float(y), float(radius), float(random.uniform(0.0, 90.0)))
    colour = tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, random.uniform(0.7, 1.0), random.uniform(0.8, 1.0)))
    image.paste(Image.new("RGB", (size, size), colour), mask=mask.resize((size, size), Image.Resampling.BOX))
    return image, shape


def ground(size: int, hue: float, random: np.random.Generator) -> Image.Image:
    """Dark stripes of one hue that fade to one side."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    angle, stripes = random.uniform(0.0, np.pi), random.uniform(2.0, 5.0)
    along = np.cos(angle) * rows + np.sin(angle) * columns
    light = 0.28 + 0.12 * np.sin(2.0 * np.pi * (stripes * along + random.uniform())) - 0.1 * rows
    tint = np.array(colorsys.hsv_to_rgb(hue, 0.5, 1.0))
    return Image.fromarray(np.uint8(np.clip(255.0 * light[..., None] * tint, 0.0, 255.0)))


def draw_shape(draw: ImageDraw.ImageDraw, shape: str, x: float, y: float, radius: float, degrees: float) -> None:
    """Draw a shape in white."""
    if shape in ("circle", "ring"):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        hole = 0.55 * radius
        if shape == "ring":
            draw.ellipse((x - hole, y - hole, x + hole, y + hole), fill=0)
    else:
        draw.regular_polygon((x, y, radius), {"square": 4, "triangle": 3}[shape], degrees, fill=255)


def make_pictures(folder: Path, count: int, size: int, *, grey: bool = False, seed: int = 0) -> None:
    """Write pictures into a folder."""
    for name in CLASSES:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in tqdm(range(count), leave=False):
        image, shape = picture(size, np.random.default_rng((seed, number)))
        image.convert("L" if grey else "RGB").save(folder / shape / f"{number:06}.png")


def main() -> int:
    """Make the pictures."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    make_pictures(arguments.folder, arguments.count, arguments.size, grey=arguments.grey, seed=arguments.seed)
    print(f"{arguments.count} pictures of {arguments.size}×{arguments.size} in {arguments.folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
