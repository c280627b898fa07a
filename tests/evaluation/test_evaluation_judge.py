"""The judge: trained once, found again, identified; and what it measures during a run."""

import errno
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tiny
from loguru import logger

import gantape as gt
from gantape import evaluation as ev
from gantape._files import cache_folder
from gantape.errors import DataError, DataNotFoundError, RangeError, ShapeError
from gantape.evaluation.cache import load_weights, save_weights
from gantape.zoo import DCGAN

SMALL = {"height": 8, "width": 8, "classes": 3, "features": 6, "filters": 4, "batch_size": 16, "steps": 60, "shift": 0}


def squares(count: int, seed: int, *, pixels: tuple[float, float] = (0.0, 1.0)) -> gt.data.ArrayBatches:
    """Images of three classes, which differ in where they are bright."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count).astype(np.int32)
    images = generator.integers(0, 60, (count, 8, 8, 1)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2:6, 2 * label : 2 * label + 3] += 150
    return gt.data.from_arrays((images, labels), batch_size=16, prepare=gt.data.scale_pixels(*pixels), name="squares train")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("judges")


@pytest.fixture(scope="module")
def judge(folder: Path) -> ev.Judge:
    return ev.train_judge(squares(300, 0), squares(90, 1), folder=folder, classifier=ev.JudgeClassifier(**SMALL))


def again(folder: Path, train: gt.data.ArrayBatches, **changes: Any) -> ev.Judge:
    return ev.train_judge(train, squares(90, 1), folder=folder, classifier=ev.JudgeClassifier(**{**SMALL, **changes}))


def test_a_judge_learns_and_says_who_it_is(judge: ev.Judge) -> None:
    assert judge.accuracy > 0.9
    assert str(judge) == f"judge {judge.identity} of squares train, accuracy {judge.accuracy:.4f}"


def test_a_judge_sees_the_same_in_bytes_and_in_scaled_pixels(judge: ev.Judge) -> None:
    images, labels = squares(530, 2).arrays
    seen = judge.embed(images, pixels=(0, 255))
    scaled = judge.embed(images / 127.5 - 1.0, pixels=(-1.0, 1.0))
    np.testing.assert_allclose(seen.features, scaled.features, atol=1e-4)
    assert seen.features.shape == (530, 6)
    assert seen.probabilities.sum(axis=1) == pytest.approx(np.ones(530))
    assert (seen.labels == labels).mean() > 0.9


def test_images_are_judged_alike_whatever_stands_beside_them(judge: ev.Judge) -> None:
    images = squares(20, 2).arrays[0]
    whole, part = (judge.embed(some, pixels=(0, 255)).features for some in (images, images[5:9]))
    np.testing.assert_allclose(whole[5:9], part, atol=1e-5)


def test_a_judge_is_found_again_by_content_and_not_trained_anew(
    judge: ev.Judge, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("trained anew")

    monkeypatch.setattr("gantape.evaluation.training.fit", refuse)
    found = again(folder, squares(300, 0))
    assert (found.identity, found.accuracy) == (judge.identity, judge.accuracy)
    images = squares(20, 2).arrays[0]
    np.testing.assert_array_equal(found.embed(images, pixels=(0, 255)).features, judge.embed(images, pixels=(0, 255)).features)
    for others in ({"train": squares(300, 5)}, {"train": squares(300, 0), "features": 5}):
        with pytest.raises(AssertionError, match="trained anew"):
            again(folder, **others)


def test_training_a_judge_leaves_the_global_seed_alone(judge: ev.Judge, folder: Path) -> None:
    """Else every network that is made after it would begin with the same weights."""
    starts = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        again(folder, squares(300, 0))
        starts.append(np.array(keras.initializers.GlorotUniform()((3, 3))))
    assert not np.allclose(*starts)


def test_a_damaged_file_is_made_anew_and_a_pickle_is_not_opened(judge: ev.Judge, tmp_path: Path) -> None:
    again(tmp_path, squares(300, 0), steps=1)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"no archive")
    first = again(tmp_path, squares(300, 0), steps=1)
    np.savez(path, allow_pickle=True, weight_000=np.array([print], dtype=object), accuracy=np.array(1.0))
    assert again(tmp_path, squares(300, 0), steps=1).identity == first.identity


def test_every_damaged_byte_is_read_or_warned_about(tmp_path: Path) -> None:
    model, path = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), tmp_path / "judge.npz"
    save_weights(path, [model], accuracy=0.5)
    stored = path.read_bytes()
    # The directory of the archive is at its end; bit 0 of a flag in it says that a part is encrypted.
    for place, flipped in itertools.product(range(len(stored) // 2, len(stored)), (1, 255)):
        path.write_bytes(stored[:place] + bytes([stored[place] ^ flipped]) + stored[place + 1 :])
        load_weights(path, [model], "accuracy")


def test_a_full_disk_leaves_a_warning_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was trained can be used all the same."""
    model, path = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), tmp_path / "judge.npz"

    def full(file: Path, **arrays: Any) -> None:
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    warnings: list[str] = []
    sink = logger.add(warnings.append, format="{message}")
    logger.enable("gantape")
    try:
        save_weights(path, [model], accuracy=0.5)
        monkeypatch.undo()
        path.touch()
        save_weights(path / "in a file.npz", [model])
    finally:
        logger.disable("gantape")
        logger.remove(sink)
    assert ["cannot be written" in text for text in warnings] == [True, True]
    assert list(tmp_path.iterdir()) == [path]


def test_several_threads_may_write_one_file(tmp_path: Path) -> None:
    model, path = keras.Sequential([keras.Input((100,)), keras.layers.Dense(300)]), tmp_path / "judge.npz"
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: save_weights(path, [model], accuracy=0.5), range(12)))
    assert load_weights(path, [model], "accuracy") == (0.5,)
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_judge_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop ends in good order on Ctrl-C; whoever trains a judge must not take what is there for the whole."""
    run = gt.Loop.run

    def interrupted(loop: gt.Loop, data: Any, steps: int) -> gt.History:
        history = run(loop, data, steps=steps // 2)
        history.stopped_by = "SIGINT"
        return history

    monkeypatch.setattr(gt.Loop, "run", interrupted)
    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        again(tmp_path, squares(300, 0), steps=4)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANTAPE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("GANTAPE_CACHE")
    assert cache_folder().name == "gantape"


def test_what_no_judge_can_be_made_of_is_refused(judge: ev.Judge, tmp_path: Path) -> None:
    images = squares(300, 0).arrays[0]
    with pytest.raises(RangeError, match="pixels from 0 to 1"):
        ev.train_judge(squares(300, 0, pixels=(-1.0, 1.0)), squares(90, 1), folder=tmp_path)
    with pytest.raises(DataError, match="images with labels"):
        ev.train_judge(gt.data.from_arrays(images, batch_size=16), squares(90, 1), folder=tmp_path)
    with pytest.raises(ShapeError, match='"batch 8 8 1"'):
        judge.embed(images[..., 0])
    with pytest.raises(DataError, match="no images"):
        judge.embed(images[:0])


def test_a_classifier_trained_on_good_samples_reads_real_ones_and_one_trained_on_wrong_labels_does_not() -> None:
    samples, test = squares(300, 3), squares(200, 4)
    images, labels = samples.arrays
    small = ev.JudgeClassifier(**SMALL)
    good = ev.classifier_accuracy_score(samples, test, classifier=small)
    wrong = ev.classifier_accuracy_score(attrs.evolve(samples, arrays=(images, (labels + 1) % 3)), test, classifier=small)
    assert good.value > 0.9
    assert wrong.value < 0.1
    assert good.count == 300


class SquareGan(DCGAN):
    """Images of 8×8."""

    latent_size: int = 4
    width: int = 2

    def build_generator(self) -> Any:
        layers = keras.layers
        return keras.Sequential(
            [keras.Input((self.latent_size,)), layers.Dense(64, activation="tanh"), layers.Reshape((8, 8, 1))], name="generator"
        )

    def build_discriminator(self) -> Any:
        layers = keras.layers
        return keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1)], name="discriminator")


def test_samples_are_judged_during_a_run_and_the_best_generator_is_kept(judge: ev.Judge, tmp_path: Path) -> None:
    task = tiny.make(SquareGan)
    real = squares(100, 2, pixels=task.pixels)
    samples: dict[int, Any] = {}

    def draw(progress: gt.Progress) -> None:
        samples[progress.step] = ev.make_samples(task, 64, 0)

    when = gt.every(steps=2) | gt.at_end()
    # The action comes after the file of the history, and at the end of the run: its last row is written all the same.
    loop = gt.Loop(
        task,
        callbacks=[gt.Callback(draw, when), gt.Callback(ev.SampleQuality(judge, real, count=64), when)],
        run_dir=tmp_path,
        checkpoints=gt.Checkpoints(keep=1, best=gt.Best("frechet_distance")),
    )
    history = loop.run(squares(100, 2, pixels=task.pixels), steps=13)

    assert [row["step"] for row in history if "frechet_distance" in row] == [2, 4, 6, 8, 10, 12, 13]
    row = history.last("validation")
    seen, known = (judge.embed(images, pixels=task.pixels) for images in (samples[13], ev.real_examples(task, real, None)))
    expected = ev.frechet_distance(known.features, seen.features, bootstrap=None).value
    assert row["frechet_distance"] == pytest.approx(expected)
    assert row["largest_class"] == np.bincount(seen.labels).max() / 64
    assert 0.0 < float(row["evaluation_share"]) < 1.0
    assert (tmp_path / "metrics.csv").read_text().count("validation") == 7

    best = tiny.make(SquareGan)
    state = gt.load_best(tmp_path, best)
    assert (
        state.step
        == min((row for row in history if "frechet_distance" in row), key=lambda row: row["frechet_distance"])["step"]
    )
    np.testing.assert_array_equal(ev.make_samples(best, 64, 0), samples[state.step])


def test_a_scorecard_has_every_figure_with_its_floor(judge: ev.Judge) -> None:
    samples, train, test = (
        judge.embed(squares(n, seed).arrays[0], pixels=(0, 255)) for n, seed in ((90, 7), (300, 0), (80, 1))
    )
    measured = ev.score_samples(samples, train=train, test=test, bootstrap=ev.Bootstrap(resamples=5))
    names = [result.name for result in measured]
    assert {"Fréchet distance", "kernel distance", "inception score", "precision", "coverage", "reverse KL"} <= set(names)
    assert all(result.baseline is not None for result in measured)
    for result in measured:  # the samples are real ones
        assert result.value == pytest.approx(result.baseline, rel=0.6, abs=0.2), result.name
    with pytest.raises(DataError, match="same N"):
        ev.score_samples(train, train=samples, test=test)


def test_pictures_are_drawn_of_neighbours_and_classes(tmp_path: Path) -> None:
    images = squares(7, 0).arrays[0] / 255.0
    ev.picture_neighbours(images[:4], images, tmp_path / "neighbours.png", neighbours=2, across=2)
    ev.plot_classes([0, 1], [0, 0, 1], tmp_path / "classes.png", classes=3)
    from PIL import Image

    with Image.open(tmp_path / "neighbours.png") as picture:
        grid = np.asarray(picture)[::2, ::2]
    # Two strips of a sample, a gap and two neighbours, a gap between them; two rows.
    assert grid.shape[:2] == (2 * 12, 9 * 12)
    first, nearest = grid[2:10, 2:10], grid[2:10, 26:34]
    np.testing.assert_array_equal(first, nearest)  # each is its own nearest image
    assert (tmp_path / "classes.png").stat().st_size > 0


@pytest.mark.slow
def test_the_judge_of_mnist_reads_99_of_100_test_digits(tmp_path: Path) -> None:
    """Two minutes on two cores."""
    if "GANTAPE_DATA" not in os.environ:
        pytest.skip("GANTAPE_DATA names no folder with mnist.npz")
    try:
        train, test = gt.data.mnist(batch_size=64), gt.data.mnist(batch_size=64, split="test")
    except DataNotFoundError:
        pytest.skip("MNIST is not available")
    assert ev.train_judge(train, test, folder=tmp_path).accuracy >= 0.99
