"""Crops of photographs: where they come from, that splits share no pixel, sizes, and what is refused."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

import gantape as gt
from gantape.data.photographs import PHOTOGRAPHS, STRIDE
from gantape.errors import DataError


def test_a_crop_is_a_part_of_a_photograph() -> None:
    images, labels = gt.data.photographs(batch_size=4, size=128).arrays
    assert (len(images), labels.tolist()) == (2508, [0] * 1254 + [1] * 1254)
    for label, name in enumerate(PHOTOGRAPHS):
        whole, crops = load_sample_image(name), images[labels == label]
        row = len(range(0, 384 - 127, STRIDE))
        np.testing.assert_array_equal(crops[0], whole[:128, :128])
        np.testing.assert_array_equal(crops[2 * row + 3], whole[2 * STRIDE :, 3 * STRIDE :][:128, :128])
        np.testing.assert_array_equal(crops[-1], whole[296:424, 256:384])


@pytest.mark.parametrize("size", [128, 256])
def test_no_pixel_is_in_both_splits(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With photographs that are black in one split and white in the other."""
    columns = np.where(np.arange(640) < 384, 0, 255).astype(np.uint8)
    monkeypatch.setattr("sklearn.datasets.load_sample_image", lambda _: np.tile(columns[None, :, None], (427, 1, 3)))
    train, test = (
        gt.data.photographs(batch_size=4, size=size, split=split, labels=False).arrays for split in ("train", "test")
    )
    assert (train.max(), test.min()) == (0, 255)
    assert train.shape[1:] == test.shape[1:] == (size, size, 3)
    assert len(test) >= 40


def test_smaller_ones_are_the_same_crops_resized_and_grey_ones_their_luminance() -> None:
    large = gt.data.photographs(batch_size=4, size=128, split="test", labels=False).arrays
    small = gt.data.photographs(batch_size=4, size=16, split="test", labels=False).arrays
    grey = gt.data.photographs(batch_size=4, size=128, split="test", labels=False, channels=1).arrays
    assert small.shape == (len(large), 16, 16, 3)
    means = large[::97].reshape(-1, 16, 8, 16, 8, 3).mean(axis=(2, 4))
    assert np.abs(means - small[::97]).mean() < 6.0  # a bicubic filter is not a mean
    assert grey.shape == (*large.shape[:-1], 1)
    np.testing.assert_allclose(grey[::97, ..., 0], large[::97] @ [0.299, 0.587, 0.114], atol=1.0)


def test_pixels_lie_in_the_requested_range() -> None:
    data = gt.data.photographs(batch_size=8, size=8, pixels=(-1.0, 1.0), labels=False)
    batch = data.prepare(next(iter(data.examples_in_order())))
    assert batch.shape == (8, 8, 8, 3)
    assert -1.0 <= float(np.min(batch)) < 0.0 < float(np.max(batch)) <= 1.0


@pytest.mark.parametrize("wrong", [{"size": 4}, {"size": 512}, {"size": 64.0}, {"channels": 2}, {"split": "validation"}])
def test_other_arguments_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DataError, match="crops|split"):
        gt.data.photographs(batch_size=4, **wrong)  # type: ignore[arg-type]
