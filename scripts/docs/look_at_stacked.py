"""Measure the judge's confidence in the scoreboard's pictures of stacked digits: the table of docs/scoreboard.md.

    python scripts/docs/look_at_stacked.py docs/scoreboard docs/scoreboard/confidence.txt

A judge names a class for any image, so a mode can be counted though no person would read the digit. It needs MNIST.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.gans.rows import look_at_stacked, stacked_digits
from benchmarks.gans.scoreboard import with_error
from gantape.report.grids import MARGIN

GRID, SIDE = 8, 28


def images_in(picture: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The 64 images of a picture: shape `64 28 28 3`."""
    tile = SIDE + 2 * MARGIN
    pixels = np.asarray(Image.open(picture).convert("RGB")).reshape(GRID, tile, GRID, tile, 3)
    return pixels.transpose(0, 2, 1, 3, 4).reshape(-1, tile, tile, 3)[:, MARGIN:-MARGIN, MARGIN:-MARGIN]


def confidence(images: np.ndarray[Any, np.dtype[np.uint8]]) -> float:
    """The mean of the largest probability that the judge gives to a class, over the three digits of each image."""
    return float(np.mean([seen.probabilities.max(axis=1) for seen in look_at_stacked(images, (0, 255))]))


def main() -> None:
    """Write the table."""
    folder, table = map(Path, sys.argv[1:])
    lines = ["| | the judge's confidence | digits | seeds |", "|---|---|---|---|"]
    for row in ("stacked-tiny", "stacked-quarter"):
        found = [confidence(images_in(path)) for path in sorted(folder.glob(f"{row}-seed-*.png"))]
        lines.append(f"| {row} | {with_error(found, '.3f')} | {3 * GRID**2 * len(found)} | {len(found)} |")
    real = stacked_digits(1_000, 1)
    lines.append(f"| *real digits* | {confidence(real):.3f} | {3 * len(real):,} | |")
    table.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
