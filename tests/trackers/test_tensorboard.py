"""Events for TensorBoard, read by its own reader."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2
from tiny import Classifier, PointGan, labelled, make, points

import gantape as gt
from gantape import trackers
from gantape.errors import GantapeWarning

RECORD = gt.every(steps=2) | gt.at_end()


def events(folder: Path) -> dict[str, list[tuple[int, Any]]]:
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return {
        tag: [(event.step, tf.make_ndarray(event.tensor_proto)) for event in accumulator.Tensors(tag)]
        for tag in accumulator.Tags()["tensors"]
    }


def draw(progress: gt.Progress) -> None:
    """Draw the picture of a step."""
    assert progress.run_dir is not None
    (progress.run_dir / "samples").mkdir(exist_ok=True)
    picture = np.full((3, 4, 3), 10 * progress.step, np.uint8)
    Image.fromarray(picture).save(progress.run_dir / "samples" / f"step-{progress.step:06d}.png")


def hyperparameters(folder: Path) -> dict[str, Any]:
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    content = accumulator.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in found.items()}


def test_events_are_rows_learning_rates_pictures_weights_and_hyperparameters(tmp_path: Path) -> None:
    task = make(Classifier)
    callbacks = [
        gt.Callback(draw, gt.at(2, 4)),
        trackers.track(trackers.TensorBoardTracker(), when=gt.every(steps=1), weights=gt.at_end()),
    ]
    loop = gt.Loop(task, compiler=gt.StepCompiler("eager"), callbacks=callbacks, run_dir=tmp_path, progress=False)
    history = loop.run(labelled(), validation=labelled(16), steps=4, record=RECORD)
    folder = tmp_path / "tensorboard"
    for split in ("train", "validation"):
        found = events(folder / split)
        for name in ("loss", "accuracy"):
            expected = [(row["step"], pytest.approx(row[name])) for row in history if row["split"] == split]
            assert [(step, float(value)) for step, value in found[name]] == expected
    rates = events(folder / "train")["learning_rate"]
    assert [(step, float(value)) for step, value in rates] == [(step, pytest.approx(0.05)) for step in range(1, 5)]
    rest = events(folder)
    pictures = [(step, tf.io.decode_png(value[2]).numpy()) for step, value in rest["samples"]]
    assert [(step, picture.shape, picture.max()) for step, picture in pictures] == [(2, (3, 4, 3), 20), (4, (3, 4, 3), 40)]
    ((_, bins),) = rest["weights/model/0000/kernel"]
    np.testing.assert_array_equal(bins[:, 2], np.histogram(np.float64(task.model.layers[0].kernel.numpy()), 64)[0])
    assert hyperparameters(folder) == {"task": "Classifier", "learning_rate": 0.05, "precision": task.precision}


def test_losses_of_a_gan_keep_their_names(tmp_path: Path) -> None:
    callbacks = [trackers.track(trackers.TensorBoardTracker(tmp_path))]
    gt.Loop(make(PointGan), compiler=gt.StepCompiler("eager"), callbacks=callbacks, progress=False).run(points(), steps=2)
    assert {"generator/loss", "generator/learning_rate", "discriminator/loss"} <= set(events(tmp_path / "train"))


def test_a_second_run_adds_to_the_events(tmp_path: Path) -> None:
    callbacks = [trackers.track(trackers.TensorBoardTracker(str(tmp_path)))]
    loop = gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"), callbacks=callbacks, progress=False)
    for _ in range(2):
        loop.run(labelled(), steps=1)
    assert [step for step, _ in events(tmp_path / "train")["loss"]] == [1, 2]


def test_without_a_folder_a_warning_says_what_to_give() -> None:
    callbacks = [trackers.track(trackers.TensorBoardTracker())]
    loop = gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"), callbacks=callbacks, progress=False)
    with pytest.warns(GantapeWarning, match="no folder for events"):
        loop.run(labelled(), steps=1)
