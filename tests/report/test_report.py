"""Reports: pictures, plots and saved networks, each against what it is made from."""

import csv
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import gantape as gt
from gantape import errors, report
from gantape.zoo import DCGAN, DigitClassifier

WIDTH_OF_CELL = 28 + 4

# Keras 3.15 saves weights through numpy.array, which TensorFlow 2.21's tensors do not fully support under NumPy 2.
saves_with_keras = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def task() -> DCGAN:
    keras.utils.set_random_seed(0)
    return DCGAN(latent_size=8, width=2)


def read_picture(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image)


def progress(task: gt.Task, **changes: Any) -> gt.Progress:
    values: dict[str, Any] = {
        "task": task,
        "state": gt.RunState(step=30, epoch=1, seconds=10.0, examples=300, updates=60),
        "steps_per_second": 3.0,
        "fraction_done": 0.25,
        "history": gt.History(),
        "run_dir": None,
        "current": lambda: {"discriminator/loss": 1.25, "discriminator/real": 0.5, "real_score": 0.75},
    }
    return gt.Progress(**(values | changes))


@given(
    count=st.integers(1, 7),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    channels=st.sampled_from([1, 3]),
    columns=st.none() | st.integers(1, 5),
)
def test_a_grid_holds_every_image_at_its_place(count: int, height: int, width: int, channels: int, columns: int | None) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, height, width, channels)).astype(np.float32)
    grid = report.image_grid(images, columns=columns, pixels=(0.0, 255.0))
    across = columns or int(np.ceil(np.sqrt(count)))
    down = -(-count // across)
    assert grid.shape == (down * (height + 4), across * (width + 4), channels)
    rebuilt = np.zeros_like(grid)
    for number, image in enumerate(images):
        top, left = number // across * (height + 4) + 2, number % across * (width + 4) + 2
        rebuilt[top : top + height, left : left + width] = image
    np.testing.assert_array_equal(grid, rebuilt)


@pytest.mark.parametrize(("value", "byte"), [(-1.0, 0), (0.0, 128), (1.0, 255), (-7.0, 0), (7.0, 255)])
def test_pixels_are_scaled_rounded_and_clipped(value: float, byte: int) -> None:
    assert report.image_grid(np.full((1, 1, 1, 1), value))[2, 2, 0] == byte


@pytest.mark.parametrize("shape", [(4, 28, 28), (4, 28, 28, 2), (0, 28, 28, 1)])
def test_a_grid_needs_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(errors.ShapeError, match="image_grid"):
        report.image_grid(np.zeros(shape))


def test_a_picture_is_the_bytes_enlarged(tmp_path: Path) -> None:
    picture = np.array([[[0], [200]], [[100], [50]]], np.uint8)
    report.save_picture(picture, tmp_path / "new" / "folder.png", zoom=3)
    read = read_picture(tmp_path / "new" / "folder.png")
    np.testing.assert_array_equal(read, np.kron(picture[..., 0], np.ones((3, 3), np.uint8)))


def test_grids_show_the_averaged_generator_on_the_same_latents(task: DCGAN, tmp_path: Path) -> None:
    grids = report.SampleGrids(tmp_path, seed=5, count=9)
    grids(progress(task))
    latents = task.latents(9, gt.RandomStreams(5), "samples")
    expected = report.image_grid(task.averaged_generator(latents, training=False))
    read = read_picture(tmp_path / "step-000030.png")
    assert read.shape == (2 * 3 * WIDTH_OF_CELL, 2 * 3 * WIDTH_OF_CELL)
    np.testing.assert_array_equal(read[::2, ::2], expected[..., 0])
    np.testing.assert_array_equal(grids.draw(task), report.SampleGrids(Path("elsewhere"), seed=5, count=9).draw(task))
    assert (grids.draw(task) != report.SampleGrids(tmp_path, seed=6, count=9).draw(task)).any()


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_an_animation_has_the_pictures_in_order(suffix: str, tmp_path: Path, task: DCGAN) -> None:
    shades = [10, 120, 240]
    for number, shade in enumerate(shades):
        report.save_picture(np.full((8, 8, 1), shade, np.uint8), tmp_path / "frames" / f"step-{number:06d}.png")
    path = tmp_path / f"samples.{suffix}"
    report.Animation(tmp_path / "frames", path)(progress(task))
    with Image.open(path) as animation:
        assert animation.n_frames == 3
        found = []
        for frame in range(3):
            animation.seek(frame)
            found.append(np.asarray(animation.convert("L"))[0, 0])
    np.testing.assert_allclose(found, shades, atol=2)


def test_an_animation_needs_pictures(tmp_path: Path) -> None:
    with pytest.raises(errors.DataError, match="needs pictures"):
        report.save_animation([], tmp_path / "samples.gif")


@given(seed=st.integers(0, 2**16), count=st.integers(2, 7), size=st.integers(2, 5))
def test_a_spherical_path_keeps_length_and_turns_evenly(seed: int, count: int, size: int) -> None:
    ends = np.random.default_rng(seed).normal(size=(2, 3, size))
    ends /= np.linalg.norm(ends, axis=-1, keepdims=True)
    path = report.spherical_path(ends[0], ends[1], count)
    assert path.shape == (3, count, size)
    np.testing.assert_allclose(path[:, 0], ends[0], atol=1e-6)
    np.testing.assert_allclose(path[:, -1], ends[1], atol=1e-6)
    # Close to opposite ends the way is not well defined, and rounding takes over.
    usual = (ends[0] * ends[1]).sum(-1) > -0.99
    np.testing.assert_allclose(np.linalg.norm(path[usual], axis=-1), 1.0, atol=1e-5)
    chords = np.linalg.norm(np.diff(path[usual], axis=1), axis=-1)
    np.testing.assert_allclose(chords, np.broadcast_to(chords[:, :1], chords.shape), atol=1e-5)


def test_a_path_between_parallel_latents_is_straight() -> None:
    path = report.spherical_path([[1.0, 1.0]], [[3.0, 3.0]], 3)
    np.testing.assert_allclose(path, [[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]], rtol=1e-6)


def test_an_interpolation_begins_and_ends_with_its_latents(task: DCGAN, tmp_path: Path) -> None:
    action = report.Interpolation(tmp_path / "interpolation.png", seed=3, rows=2, columns=5)
    action(progress(task))
    assert read_picture(action.path).shape[:2] == (2 * 2 * WIDTH_OF_CELL, 2 * 5 * WIDTH_OF_CELL)
    ends = report.image_grid(task.generate(task.latents(4, gt.RandomStreams(3), "interpolation")), columns=1).astype(int)
    drawn = action.draw(task).astype(int)
    # A batch of another size may round otherwise: one grey level at most.
    assert abs(drawn[:, :WIDTH_OF_CELL] - ends[: 2 * WIDTH_OF_CELL]).max() <= 1
    assert abs(drawn[:, -WIDTH_OF_CELL:] - ends[2 * WIDTH_OF_CELL :]).max() <= 1


@saves_with_keras
def test_saved_models_come_back_as_they_were(task: DCGAN, tmp_path: Path) -> None:
    path = tmp_path / "new" / "generator.keras"
    report.SavedModels({"averaged_generator": path})(progress(task))
    loaded = keras.saving.load_model(path, safe_mode=True)
    latents = task.latents(3, gt.RandomStreams(0))
    np.testing.assert_array_equal(loaded(latents, training=False), task.generate(latents))


@saves_with_keras
def test_the_report_of_a_classifier_is_drawn_from_its_run(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    record = gt.every(steps=4) | gt.at_end()
    train, validation = gt.data.digits(batch_size=32).split(validation=100)
    callbacks = report.report_supervised(tmp_path)
    task = DigitClassifier(hidden_units=4)
    found = gt.Loop(task, run_dir=tmp_path, callbacks=callbacks).run(train, validation=validation, steps=10, record=record)
    assert {path.name for path in tmp_path.iterdir()} == {
        ".lock",
        "checkpoints",
        "metrics.csv",
        "model.keras",
        "report.html",
        "report.json",
        "run.json",
    }
    with (tmp_path / "metrics.csv").open() as file:
        written = list(csv.DictReader(file))
    assert [(int(row["step"]), row["split"]) for row in written] == [(row["step"], row["split"]) for row in found]
    images = train.prepare(train.arrays[0][:5])
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(images), task.model(images))
