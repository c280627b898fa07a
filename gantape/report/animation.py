"""Animations of sample grids, which show in a few seconds how a generator learns."""

from collections.abc import Sequence
from pathlib import Path

import attrs
from PIL import Image

from gantape.callbacks.progress import Progress
from gantape.errors import DataError


def save_animation(pictures: Sequence[Path], path: Path, *, seconds: float = 6.0, last_seconds: float = 2.0) -> None:
    """Join pictures of one size into a GIF or WebP that repeats forever.

    Args:
        pictures: PNG files, in order.
        path: Where the animation goes; its suffix is its format.
        seconds: Duration of all frames but the last, at most half a second each.
        last_seconds: Duration of the last frame.

    Raises:
        DataError: If there is no picture.
    """
    if not pictures:
        raise DataError(
            "an animation needs pictures.",
            where="gantape.report.save_animation, argument `pictures`",
            got="none",
            do="draw some first, for example with gantape.report.SampleGrids.",
        )
    frames = [Image.open(picture) for picture in pictures]
    each = min(0.5, seconds / len(frames))
    durations = [round(1000 * each)] * (len(frames) - 1) + [round(1000 * last_seconds)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0)


@attrs.frozen
class Animation:
    """Joins the pictures of a folder, in the order of their names, into an animation: an action for the end of a run.

    Args:
        folder: The folder of the PNG files.
        path: Where the animation goes, as `.gif` or `.webp`.
    """

    folder: Path
    path: Path

    def __call__(self, progress: Progress) -> None:
        save_animation(sorted(self.folder.glob("*.png")), self.path)
