"""Outlines of digits, and unpaired images."""

import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape.data import outlines, unpaired, with_outlines
from gantape.errors import DataError


def test_the_outline_of_a_square_is_its_border() -> None:
    image = np.zeros((1, 8, 8, 1), np.uint8)
    image[0, 2:6, 1:6] = 200
    expected = np.zeros((8, 8), np.uint8)
    expected[2:6, 1:6] = 255
    expected[3:5, 2:5] = 0
    assert np.array_equal(outlines(image)[0, ..., 0], expected)


def test_a_figure_at_the_edge_is_closed_there() -> None:
    assert np.array_equal(
        outlines(np.full((1, 3, 3, 1), 255, np.uint8))[0, ..., 0], [[255, 255, 255], [255, 0, 255], [255] * 3]
    )


def test_outlines_lie_on_the_figures_they_belong_to() -> None:
    pairs = with_outlines(gt.data.digits(batch_size=8, pixels=(-1.0, 1.0)))
    images, drawn = pairs.arrays
    assert images.shape == drawn.shape
    assert (images[drawn == 255] >= 96).all()
    assert 0.0 < (drawn == 255).mean() < (images >= 96).mean()
    prepared = pairs.prepare(tf.nest.map_structure(tf.convert_to_tensor, next(iter(pairs.examples_in_order()))))
    assert all(set(np.unique(np.sign(part))) <= {-1.0, 0.0, 1.0} for part in prepared)
    assert set(np.unique(prepared[1])) == {-1.0, 1.0}


def test_unpaired_outlines_are_those_of_others() -> None:
    pairs = with_outlines(gt.data.digits(batch_size=8, labels=False))
    mixed = unpaired(pairs, seed=3)
    assert np.array_equal(mixed.arrays[0], pairs.arrays[0])
    assert (np.any(mixed.arrays[1] != pairs.arrays[1], axis=(1, 2, 3))).mean() > 0.99
    assert sorted(image.tobytes() for image in mixed.arrays[1]) == sorted(image.tobytes() for image in pairs.arrays[1])
    assert np.array_equal(mixed.arrays[1], unpaired(pairs, seed=3).arrays[1])


def test_only_images_of_bytes_have_outlines() -> None:
    with pytest.raises(DataError, match="with_outlines"):
        with_outlines(gt.data.ring(batch_size=4))
