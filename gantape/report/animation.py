"""Grids of images as an animation: how a generator learns, in a few seconds."""

from collections.abc import Sequence
from pathlib import Path

import attrs
from PIL import Image

from gantape.callbacks.progress import Progress
from gantape.errors import DataError


def save_animation(pictures: Sequence[Path], path: Path, *, seconds: float = 6.0, last_seconds: float = 2.0) -> None:
    """Join pictures of one size to a GIF or WebP that repeats for ever.

    Args:
        pictures: PNG files, in order.
        path: Where the animation goes; its suffix is its format.
        seconds: Seconds that all frames but the last take together, at most half a second each.
        last_seconds: Seconds that the last frame stays.

    Raises:
        DataError: If there is no picture.
    """
    if not pictures:
        raise DataError(
            "an animation needs pictures.",
            where="gantape.report.save_animation, argument `pictures`",
            got="none",
            do="draw them first, with gantape.report.SampleGrids for instance.",
        )
    frames = [Image.open(picture) for picture in pictures]
    each = min(0.5, seconds / len(frames))
    durations = [round(1000 * each)] * (len(frames) - 1) + [round(1000 * last_seconds)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0)


@attrs.frozen
class Animation:
    """Joins the pictures of a folder, in the order of their names, to an animation: an action for the end of a run.

    Args:
        folder: Where the PNG files lie.
        path: Where the animation goes, as `.gif` or `.webp`.
    """

    folder: Path
    path: Path

    def __call__(self, progress: Progress) -> None:
        save_animation(sorted(self.folder.glob("*.png")), self.path)
