"""Mixtures of Gaussians in the plane, on which failures of a GAN are easy to see and to count.

References:
    Metz et al. 2017, arXiv 1611.02163 (the ring); Srivastava et al. 2017, arXiv 1705.07761 (ring and grid).
"""

import math
from typing import Any

import numpy as np

from gantape.data.arrays import ArrayBatches, from_arrays
from gantape.random.rng import derive_key

Points = np.ndarray[Any, np.dtype[np.float32]]


def ring_centres(modes: int = 8, radius: float = 1.0) -> Points:
    """The centres of the ring: shape `modes 2`, evenly on a circle, the first at (radius, 0)."""
    angles = np.arange(modes) * (2.0 * math.pi / modes)
    return (radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)


def grid_centres(side: int = 5, spacing: float = 2.0) -> Points:
    """The centres of the grid: shape `side·side 2`, around the origin."""
    ticks = (np.arange(side) - (side - 1) / 2.0) * spacing
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2).astype(np.float32)


def ring(*, batch_size: int, examples: int = 100_000, deviation: float = 0.01, seed: int = 0) -> ArrayBatches:
    """Eight Gaussians on a circle of radius 1: points of shape `batch 2`, equally many from each, up to one."""
    return from_arrays(_sample(ring_centres(), examples, deviation, seed), batch_size=batch_size, name="ring of 8 Gaussians")


def grid(*, batch_size: int, examples: int = 100_000, deviation: float = 0.05, seed: int = 0) -> ArrayBatches:
    """Twenty-five Gaussians on {-4, -2, 0, 2, 4}²: points of shape `batch 2`, equally many from each, up to one."""
    return from_arrays(_sample(grid_centres(), examples, deviation, seed), batch_size=batch_size, name="grid of 25 Gaussians")


def _sample(centres: Points, examples: int, deviation: float, seed: int) -> Points:
    generator = np.random.Generator(np.random.Philox(derive_key(seed, "mixture")))
    chosen = centres[np.arange(examples) % len(centres)]
    return chosen + deviation * generator.standard_normal(chosen.shape, dtype=np.float32)
