"""Pairwise distances between two sets, in blocks, so that memory does not grow with the square of N."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from gantape.evaluation.measurement import FloatArray

MOST_DISTANCES = 4_000_000
"""Squared distances in memory at once: 32 MB."""


def distance_blocks(some: FloatArray, others: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
    """Squared Euclidean distances ‖a - b‖², for blocks of rows of `some`.

    They are computed as ‖a‖² + ‖b‖² - 2 a·b around the mean; values below the rounding error of that are set to 0.

    Yields:
        A slice of rows, and their squared distances, shape `rows others`.
    """
    centre = others.mean(axis=0)
    some, others = some - centre, others - centre
    lengths, other_lengths = np.square(some).sum(axis=1), np.square(others).sum(axis=1)
    rounding = 8.0 * some.shape[1] * np.finfo(np.float64).eps * max(lengths.max(), other_lengths.max())
    rows = max(1, MOST_DISTANCES // len(others))
    for start in range(0, len(some), rows):
        block = slice(start, start + rows)
        squares = some[block] @ others.T
        squares *= -2.0
        squares += lengths[block, None]
        squares += other_lengths
        squares[squares < rounding] = 0.0
        yield block, squares


def neighbour_radii(examples: FloatArray, k: int) -> FloatArray:
    """The squared distance from each example to its k-th nearest neighbour in the set, not counting itself."""
    radii = np.empty(len(examples))
    for block, squares in distance_blocks(examples, examples):
        radii[block] = np.partition(squares, k, axis=1)[:, k]
    return radii


def count_balls(points: FloatArray, centres: FloatArray, radii: FloatArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    """For each point, the number of balls that contain it, given their centres and squared radii."""
    counts = np.empty(len(points), np.int64)
    for block, squares in distance_blocks(points, centres):
        counts[block] = (squares <= radii).sum(axis=1)
    return counts


def nearest_squares(points: FloatArray, others: FloatArray) -> FloatArray:
    """The squared distance from each point to the nearest of `others`."""
    nearest = np.empty(len(points))
    for block, squares in distance_blocks(points, others):
        nearest[block] = squares.min(axis=1)
    return nearest
