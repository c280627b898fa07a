"""Digits, clothes, mixtures and pixels: what the data sets hold, where they are looked up, what is refused."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger
from sklearn.datasets import load_digits

import gantape as gt

DATA = Path(os.environ.get("GANTAPE_DATA", "nowhere"))
NAMES = ["mnist", "fashion_mnist"]


def unreachable() -> Any:
    raise OSError("no network")


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of data, and no network."""
    monkeypatch.setenv("GANTAPE_DATA", str(tmp_path))
    for name in NAMES:
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", unreachable)
    return tmp_path


@pytest.fixture(name="log")
def _log() -> Iterator[list[str]]:
    lines: list[str] = []
    logger.enable("gantape")
    sink = logger.add(lambda line: lines.append(str(line)), format="{level} {message}")
    yield lines
    logger.remove(sink)
    logger.disable("gantape")


def arrays_of(images: Any, labels: Any) -> dict[str, Any]:
    return {"x_train": images, "y_train": labels, "x_test": images[:2], "y_test": labels[:2]}


IMAGES = np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)
LABELS = np.arange(5, dtype=np.uint8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("split", "examples"), [("train", 5), ("test", 2)])
def test_images_are_read_from_the_folder(folder: Path, name: str, split: Any, examples: int) -> None:
    np.savez(folder / f"{name}.npz", **arrays_of(IMAGES, LABELS))
    source = getattr(gt.data, name)(batch_size=2, split=split, pixels=(-1.0, 1.0))
    images, labels = source.arrays
    np.testing.assert_array_equal(images, IMAGES[:examples, :, :, None])
    np.testing.assert_array_equal(labels, LABELS[:examples])
    assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
    assert source.name == f"{name} {split}"
    assert source.prepare == gt.data.scale_pixels(-1.0, 1.0)


def test_images_can_come_without_labels(folder: Path) -> None:
    np.savez(folder / "mnist.npz", **arrays_of(IMAGES, LABELS))
    source = gt.data.mnist(batch_size=5, labels=False)
    np.testing.assert_array_equal(next(source.examples_in_order()), IMAGES[..., None])


@pytest.mark.parametrize("name", NAMES)
def test_images_that_are_not_in_the_folder_come_from_keras(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = ((IMAGES, LABELS), (IMAGES[:2], LABELS[:2]))
    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: parts)
    assert [getattr(gt.data, name)(batch_size=1, split=split).examples for split in ("train", "test")] == [5, 2]


@pytest.mark.skipif(not (DATA / "mnist.npz").is_file(), reason="GANTAPE_DATA names no folder with mnist.npz")
def test_mnist_is_mnist() -> None:
    for split, examples, zeros in (("train", 60_000, 5_923), ("test", 10_000, 980)):
        images, labels = gt.data.mnist(batch_size=64, split=split).arrays
        assert (images.shape, images.dtype, labels.dtype) == ((examples, 28, 28, 1), np.uint8, np.int32)
        assert np.count_nonzero(labels == 0) == zeros
        assert (images.min(), images.max()) == (0, 255)


def test_the_embedded_digits_are_those_of_scikit_learn() -> None:
    train, test = gt.data.digits(batch_size=10), gt.data.digits(batch_size=10, split="test")
    original = load_digits()
    images = np.concatenate([train.arrays[0], test.arrays[0]])
    labels = np.concatenate([train.arrays[1], test.arrays[1]])
    assert (train.examples, test.examples, images.shape[1:], images.dtype) == (1500, 297, (28, 28, 1), np.uint8)
    np.testing.assert_array_equal(labels, original.target)
    assert not images[:, :4].any()
    assert not images[:, 24:].any()
    assert not images[:, :, :4].any()
    assert not images[:, :, 24:].any()
    # Brought back to 8×8 by sampling the middles of its squares, a digit is nearly the one it was.
    places = np.round(4 + 2.5 * np.arange(8) + 0.75).astype(int)
    small = images[:, places][:, :, places, 0] * (16.0 / 255.0)
    correlations = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(small, original.images, strict=True)]
    assert min(correlations) > 0.9


def test_no_image_is_in_both_parts() -> None:
    train, test = (gt.data.digits(batch_size=10, split=split).arrays[0] for split in ("train", "test"))
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in test}


def test_mnist_or_digits_takes_mnist_where_it_is(folder: Path, log: list[str]) -> None:
    np.savez(folder / "mnist.npz", **arrays_of(IMAGES, LABELS))
    assert gt.data.mnist_or_digits(batch_size=2).name == "mnist train"
    assert log == []


@pytest.mark.usefixtures("folder")
def test_mnist_or_digits_falls_back_and_says_so(log: list[str]) -> None:
    assert gt.data.mnist_or_digits(batch_size=2, split="test").name == "digits test"
    assert log == ["WARNING MNIST is not available; using the 1,797 embedded digits.\n"]


@pytest.mark.parametrize("name", NAMES)
def test_missing_data_is_an_error_that_names_the_ways_to_get_it(folder: Path, name: str) -> None:
    with pytest.raises(gt.errors.DataNotFoundError) as caught:
        getattr(gt.data, name)(batch_size=2)
    error = caught.value
    assert error.where == f"gantape.data.{name}"
    assert error.got == f"no {folder / name}.npz; keras.datasets: no network"
    assert all(way in error.do for way in (f"{name}.npz", "GANTAPE_DATA", "network", "gantape.data.digits"))


def test_missing_data_without_a_folder_says_that_there_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANTAPE_DATA")
    with pytest.raises(gt.errors.DataNotFoundError, match="no folder in GANTAPE_DATA; keras.datasets: no network"):
        gt.data.mnist(batch_size=2)


def saved(path: Path, **arrays: Any) -> bytes:
    np.savez(path, **arrays)
    return path.read_bytes()


def broken_file(kind: str, path: Path) -> bytes:
    whole = saved(path, **arrays_of(IMAGES, LABELS))
    if kind == "an array alone":
        with path.open("wb") as file:
            np.save(file, IMAGES)
        return path.read_bytes()
    return {
        "empty": b"",
        "text": b"<html>not found</html>",
        "truncated": whole[: len(whole) // 2],
        "no labels": saved(path, x_train=IMAGES),
        "objects": saved(path, **arrays_of(IMAGES, LABELS.astype(object))),
    }[kind]


@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "no labels", "objects", "an array alone"])
def test_a_broken_file_is_an_error_that_names_it(folder: Path, kind: str) -> None:
    path = folder / "mnist.npz"
    path.write_bytes(broken_file(kind, path))
    with pytest.raises(gt.errors.DataError) as caught:
        gt.data.mnist(batch_size=2)
    assert caught.value.what == "mnist.npz cannot be read."
    assert caught.value.got.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("images", "labels"),
    [(IMAGES[..., None], LABELS), (IMAGES / 255.0, LABELS), (IMAGES, LABELS[:4]), (IMAGES, LABELS[:, None])],
    ids=["four axes", "floats", "fewer labels", "labels with two axes"],
)
def test_arrays_that_are_no_images_and_labels_are_refused(folder: Path, images: Any, labels: Any) -> None:
    np.savez(folder / "mnist.npz", **arrays_of(images, labels))
    with pytest.raises(gt.errors.DataError, match="mnist does not hold images and labels"):
        gt.data.mnist(batch_size=2)


@pytest.mark.parametrize("name", [*NAMES, "digits", "mnist_or_digits"])
def test_another_split_is_refused(name: str) -> None:
    with pytest.raises(gt.errors.DataError, match=r"argument `split`\n  got:    'valid'\n"):
        getattr(gt.data, name)(batch_size=2, split="valid")


@pytest.mark.parametrize(
    ("make", "centres", "deviation"),
    [(gt.data.ring, gt.data.ring_centres(), 0.01), (gt.data.grid, gt.data.grid_centres(), 0.05)],
    ids=["ring", "grid"],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_mixture_has_its_modes(make: Any, centres: Any, deviation: float, seed: int) -> None:
    points = make(batch_size=4, examples=len(centres) * 1000 + 1, seed=seed).arrays
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, make(batch_size=9, examples=len(points), seed=seed).arrays)
    distances = np.linalg.norm(points[:, None] - centres[None], axis=-1)
    nearest = distances.argmin(axis=1)
    assert sorted(np.bincount(nearest).tolist()) == [1000] * (len(centres) - 1) + [1001]
    offsets = points - centres[nearest]
    # Five standard errors of a sample's mean and deviation.
    count = offsets.size
    assert abs(offsets.mean()) < 5.0 * deviation / np.sqrt(count)
    assert abs(offsets.std() - deviation) < 5.0 * deviation / np.sqrt(2.0 * count)


def test_other_seeds_are_other_points() -> None:
    one, other = (gt.data.ring(batch_size=4, examples=100, seed=seed).arrays for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_the_centres_lie_where_the_papers_have_them() -> None:
    half = np.sqrt(0.5)
    ring = [(1, 0), (half, half), (0, 1), (-half, half), (-1, 0), (-half, -half), (0, -1), (half, -half)]
    np.testing.assert_allclose(gt.data.ring_centres(), ring, atol=1e-7)
    grid = {(x, y) for x in (-4.0, -2.0, 0.0, 2.0, 4.0) for y in (-4.0, -2.0, 0.0, 2.0, 4.0)}
    assert set(map(tuple, gt.data.grid_centres().tolist())) == grid


BYTES = np.arange(256, dtype=np.uint8)


@given(low=st.floats(-10, 10), width=st.floats(0.1, 10))
def test_bytes_are_mapped_linearly(low: float, width: float) -> None:
    scaled = gt.data.scale_pixels(low, low + width)(BYTES).numpy()
    assert scaled.dtype == np.float32
    # Two roundings of float32, of numbers up to 20.
    np.testing.assert_allclose(scaled, low + width * BYTES / 255.0, rtol=0, atol=4e-6)


@pytest.mark.parametrize("pixels", [(0.0, 1.0), (-1.0, 1.0)])
def test_the_usual_ranges_are_met_exactly_and_in_every_mode(pixels: tuple[float, float]) -> None:
    prepare = gt.data.scale_pixels(*pixels)
    scaled = prepare(BYTES).numpy()
    assert (scaled[0], scaled[-1]) == pixels
    assert (np.diff(scaled) > 0).all()
    for xla in (False, True):
        np.testing.assert_allclose(tf.function(prepare, jit_compile=xla)(BYTES), scaled, rtol=0, atol=1.2e-7)


@pytest.mark.parametrize("float_type", ["float16", "float64"])
def test_pixels_come_in_the_float_type_of_keras(float_type: str) -> None:
    keras.config.set_floatx(float_type)
    assert gt.data.scale_pixels()(BYTES).dtype == float_type


def test_what_is_no_bytes_is_left_as_it_is() -> None:
    batch = {"image": BYTES, "label": np.array([1, 2], np.int32), "weight": np.array([0.5])}
    prepared = gt.data.scale_pixels()(batch)
    assert {name: leaf.dtype.name for name, leaf in prepared.items()} == {
        "image": "float32",
        "label": "int32",
        "weight": "float64",
    }
    assert prepared["label"].numpy().tolist() == [1, 2]
    assert gt.data.identity(batch) is batch
