"""Pictures of samples with their nearest training images, and of the distribution over classes."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gantape.evaluation.memorisation import nearest_training
from gantape.report import image_grid, save_picture


def picture_neighbours(
    samples: Any, training: Any, path: Path, *, neighbours: int = 5, across: int = 3, pixels: tuple[float, float] = (0.0, 1.0)
) -> None:
    """Draw samples, each followed by its nearest training images in pixels.

    Args:
        samples: Shape `batch height width channels`.
        training: Training images, of the same shape and range.
        path: PNG file of the picture.
        neighbours: Training images per sample.
        across: Samples in a row, each with its neighbours.
        pixels: The values of black and white.

    Raises:
        ShapeError: If the images differ in shape.
        DataError: If there are no samples, or fewer training images than neighbours.
    """
    shown, known = np.asarray(samples), np.asarray(training)
    found = nearest_training(shown.reshape(len(shown), -1), known.reshape(len(known), -1), neighbours=neighbours)
    gap = np.full((1, *shown.shape[1:]), 0.8 * pixels[0] + 0.2 * pixels[1], np.float64)
    strips = [np.concatenate([shown[n : n + 1], gap, known[found.indices[n]], gap]) for n in range(len(shown))]
    strips[across - 1 :: across] = [strip[:-1] for strip in strips[across - 1 :: across]]
    columns = across * (neighbours + 3) - 1
    images = np.concatenate(strips).astype(np.float64)
    save_picture(image_grid(images, columns=columns, pixels=pixels), path)


def plot_classes(samples: Any, real: Any, path: Path, *, classes: int) -> None:
    """Plot the share of each class among samples and among real examples.

    Args:
        samples: A judge's classes of samples, integers from 0.
        real: The same of real examples.
        path: File of the picture; its suffix is the format. Folders are created.
        classes: Number of classes.
    """
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.add_subplot(xlabel="class", ylabel="share", xticks=range(classes))
    for offset, (name, labels) in zip((-0.2, 0.2), (("samples", samples), ("real", real)), strict=True):
        shares = np.bincount(np.asarray(labels), minlength=classes) / len(labels)
        axes.bar(np.arange(classes) + offset, shares, width=0.4, label=name)
    axes.legend()
    axes.grid(axis="y", alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
