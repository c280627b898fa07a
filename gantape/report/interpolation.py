"""Interpolation between latents, to see whether the images in between are plausible."""

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape.callbacks.progress import Progress
from gantape.random.rng import RandomStreams
from gantape.report.grids import Picture, image_grid, save_picture
from gantape.tasks import AdversarialTask


def spherical_path(first: Any, last: Any, count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Latents on the great circle from one latent to another: (sin((1-t)ω) a + sin(tω) b) / sin ω, ω the angle between.

    Normal latents of many dimensions lie near a sphere, which a straight line would leave for a region without latents.

    Args:
        first: Shape `batch latent`.
        last: Shape `batch latent`.
        count: Latents on each path, both ends included.

    Returns:
        Shape `batch count latent`.

    References:
        White 2016, Sampling generative networks, arXiv 1609.04468.
    """
    start, stop = np.asarray(first, np.float64), np.asarray(last, np.float64)
    norms = np.linalg.norm(start, axis=-1) * np.linalg.norm(stop, axis=-1)
    angle = np.arccos(np.clip((start * stop).sum(axis=-1) / norms, -1.0, 1.0))[:, None, None]
    share = np.linspace(0.0, 1.0, count)[None, :, None]
    # If both have the same direction, the circle is a line: sin((1-t)ω) / sin ω → 1-t.
    small = np.sin(angle) < 1e-6
    sine = np.where(small, 1.0, np.sin(angle))
    from_start = np.where(small, 1.0 - share, np.sin((1.0 - share) * angle) / sine)
    from_stop = np.where(small, share, np.sin(share * angle) / sine)
    return (from_start * start[:, None] + from_stop * stop[:, None]).astype(np.float32)


@attrs.frozen
class Interpolation:
    """Draws interpolations between pairs of latents, one per row: an action for an adversarial task.

    With a condition, the conditioning is constant along a row: one class per row, for example.

    Args:
        path: File of the picture.
        seed: Seed of the latents.
        rows: Pairs of latents.
        columns: Images in a row, both ends included.
    """

    path: Path
    seed: int = 0
    rows: int = 8
    columns: int = 10

    def __call__(self, progress: Progress) -> None:
        task: Any = progress.task
        save_picture(self.draw(task), self.path)

    def draw(self, task: AdversarialTask) -> Picture:
        """The current picture."""
        ends = np.asarray(task.latents(2 * self.rows, RandomStreams(self.seed), "interpolation"))
        paths = spherical_path(ends[: self.rows], ends[self.rows :], self.columns)
        # The conditioning of the columns of a one-row grid becomes that of the rows here.
        conditioning = tf.nest.map_structure(
            lambda leaf: tf.repeat(leaf, self.columns, axis=0), task.condition.for_grid(1, self.rows, None)
        )
        images = task.generate(tf.convert_to_tensor(paths.reshape(-1, paths.shape[-1])), conditioning)
        return image_grid(images, columns=self.columns, pixels=task.pixels)
