"""Recipes of larger images: depth follows the size, pictures are made by a script, a short run goes through."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from loguru import logger
from programs import finish, run

import gantape as gt
from docs.make_pictures import CLASSES, make_pictures
from gantape import zoo
from gantape.commands.training_data import load
from gantape.errors import HyperparameterError


@pytest.mark.parametrize(("size", "doublings"), [(8, 1), (32, 3), (64, 4), (128, 5)])
@pytest.mark.parametrize("channels", [1, 3])
def test_depth_follows_the_size(size, doublings, channels):
    task = zoo.ImageGAN(image_size=size, channels=channels, width=2, widest=8, latent_size=4)
    assert sum(isinstance(layer, keras.layers.UpSampling2D) for layer in task.generator.layers) == doublings
    assert task.generate(task.latents(2, gt.RandomStreams(0))).shape == (2, size, size, channels)


@pytest.mark.parametrize("size", [4, 48, 0, -8])
def test_other_sizes_are_refused(size):
    with pytest.raises(HyperparameterError, match="power of two"):
        zoo.ImageGAN(image_size=size)


def test_pictures_follow_from_the_seed(tmp_path):
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        make_pictures(tmp_path / name, 12, 16, seed=seed)
    folders = {name: gt.data.image_folder(tmp_path / name, batch_size=12, size=16) for name in ("one", "same", "other")}
    images = {name: next(data.examples_in_order()) for name, data in folders.items()}
    np.testing.assert_array_equal(images["one"], images["same"])
    assert images["one"].tolist() != images["other"].tolist()
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(CLASSES)


def test_it_trains_in_mixed_precision():
    task = zoo.ImageGAN(image_size=8, width=2, widest=4, latent_size=4, precision="mixed_float16")
    pixels = np.random.default_rng(0).uniform(-1.0, 1.0, size=(32, 8, 8, 3)).astype(np.float32)
    history = gt.Loop(task).run(gt.data.from_arrays(pixels, batch_size=8), steps=4)
    assert np.isfinite(history.last()["generator/loss"])
    assert task.sample(2, gt.RandomStreams(0)).dtype == tf.float32


def test_train_gan_learns_from_a_folder(tmp_path: Path) -> None:
    make_pictures(tmp_path / "pictures", 24, 16)
    small = ("--image-size", "8", "--width", "2", "--widest", "4", "--latent-size", "4", "--batch-size", "8")
    flags = ("--task", "image-gan", "--data", "pictures", "--mode", "graph", "--steps", "3", "--run-dir", "run", *small)
    finish("train_gan.py", *flags, "--precision", "mixed_bfloat16", folder=tmp_path)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["data"]["name"], record["data"]["image"]) == ("folder pictures", [8, 8, 3])
    assert record["hyperparameters"]["precision"] == "mixed_bfloat16"


def test_data_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = run("train_gan.py", "--data", "nowhere", folder=tmp_path)
    assert done.returncode == 2
    assert "or a folder of images" in done.stderr


def test_without_data_it_learns_from_the_embedded_photographs(tmp_path: Path) -> None:
    small = ("--image-size", "8", "--width", "2", "--widest", "4", "--latent-size", "4", "--batch-size", "8")
    finish(
        "train_gan.py", "--task", "image-gan", "--mode", "graph", "--steps", "2", "--run-dir", "run", *small, folder=tmp_path
    )
    assert json.loads((tmp_path / "run" / "run.json").read_text())["data"]["name"] == "photographs train"


def test_fewer_images_than_a_batch_make_a_smaller_batch(tmp_path: Path) -> None:
    make_pictures(tmp_path / "few", 5, 8)
    lines: list[str] = []
    logger.enable("gantape")
    sink = logger.add(lambda line: lines.append(str(line)), level="WARNING")
    data = load(str(tmp_path / "few"), 64, (8, 8, 3))
    logger.remove(sink)
    logger.disable("gantape")
    assert (data.batch_size, data.batches_per_epoch) == (5, 1)
    assert "5 images, fewer than a batch of 64" in "".join(lines)
    history = gt.Loop(zoo.ImageGAN(image_size=8, width=2, widest=4, latent_size=4)).run(data, steps=2)
    assert np.isfinite(history.last()["generator/loss"])
