"""Grids of images, such as samples from the same latents in the course of training."""

import math
import re
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from PIL import Image

from gantape.callbacks.progress import Progress
from gantape.errors import ShapeError
from gantape.random.rng import RandomStreams
from gantape.shapes import check_shape, describe
from gantape.tasks import Task
from gantape.types import Batch

Picture = np.ndarray[Any, np.dtype[np.uint8]]
"""Bytes with the axes `height width channels`."""

MARGIN = 2


def image_grid(images: Any, *, columns: int | None = None, pixels: tuple[float, float] = (-1.0, 1.0)) -> Picture:
    """Lay out images in rows, with a margin of 2 pixels around each.

    Args:
        images: Shape `batch height width channels`, with 1 or 3 channels. Values outside `pixels` are clipped.
        columns: Images in a row; by default, the grid is nearly square.
        pixels: The values of black and white.

    Returns:
        Bytes, shape `height width channels`; empty cells are black.

    Raises:
        ShapeError: If the images have other axes or another number of channels.
    """
    where = "gantape.report.image_grid, argument `images`"
    array = np.asarray(images)
    check_shape(array, "batch height width channels", name="images", where=where)
    count, height, width, channels = array.shape
    if channels not in (1, 3) or not count:
        raise ShapeError(
            "a grid needs at least one image, with 1 or 3 channels.",
            where=where,
            got=describe(array),
            do="pass images with 1 or 3 channels.",
        )
    low, high = pixels
    scaled = np.round((array.astype(np.float64) - low) * (255.0 / (high - low))).clip(0, 255).astype(np.uint8)
    across = columns or math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    cells = np.zeros((down * across, height + 2 * MARGIN, width + 2 * MARGIN, channels), np.uint8)
    cells[:count, MARGIN:-MARGIN, MARGIN:-MARGIN] = scaled
    rows = cells.reshape(down, across, *cells.shape[1:]).swapaxes(1, 2)
    return rows.reshape(down * cells.shape[1], across * cells.shape[2], channels)


def save_picture(picture: Picture, path: str | Path, *, zoom: int = 2) -> None:
    """Write a picture as PNG, each pixel enlarged to `zoom` by `zoom`. Folders are created."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    enlarged(picture, zoom).save(path)


def enlarged(picture: Picture, zoom: int = 2) -> Image.Image:
    """A picture as an image of Pillow, each pixel enlarged to `zoom` by `zoom`."""
    large = picture.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return Image.fromarray(large[..., 0] if large.shape[-1] == 1 else large)


def draw_samples(task: Task, count: int, seed: int, examples: Batch | None = None) -> Picture:
    """A task's `sample_grid` of about `count` images, a function of the seed."""
    images = np.asarray(task.sample_grid(count, RandomStreams(seed), examples))
    pixels = getattr(task, "pixels", (-1.0, 1.0))
    return image_grid(images.reshape(-1, *images.shape[2:]), columns=images.shape[1], pixels=pixels)


@attrs.frozen(eq=False)
class SampleGrids:
    """Draws a task's `sample_grid`, with the same random numbers each time: an action.

    Args:
        folder: Folder of the pictures, named like `step-000500.png`.
        seed: Seed of the random numbers.
        count: Approximate number of images in a grid.
        examples: A prepared batch, for a task whose grids need examples.
    """

    folder: Path
    seed: int = 0
    count: int = 64
    examples: Batch | None = None

    def __call__(self, progress: Progress) -> None:
        save_picture(self.draw(progress.task), self.folder / f"step-{progress.step:06d}.png")

    def state(self) -> dict[str, Any]:
        """The names of the pictures."""
        return {"pictures": [path.name for path in self._pictures()]}

    def restore(self, state: dict[str, Any]) -> None:
        """Remove the pictures drawn after the checkpoint from which the run resumes: they will be drawn again."""
        for path in self._pictures():
            if path.name not in state["pictures"]:
                path.unlink()

    def _pictures(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("step-*.png") if re.fullmatch(r"step-\d{6,}\.png", path.name))

    def draw(self, task: Task) -> Picture:
        """The current grid."""
        return draw_samples(task, self.count, self.seed, self.examples)
