"""`evaluate` on runs whose data has no labels: a folder of images, photographs."""

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import gantape as gt
from gantape.commands.evaluate import main
from gantape.commands.finished_run import FinishedRun
from gantape.commands.training_images import images_of
from gantape.errors import RunDirectoryError
from gantape.zoo import ImageGAN

SIZE = 16
SHAPE = (SIZE, SIZE, 3)


def finished(path: Path, data: gt.data.Batches) -> Path:
    """The directory of a run of two steps."""
    keras.utils.set_random_seed(0)
    task: Any = ImageGAN(image_size=SIZE, width=2, widest=4, latent_size=4)
    gt.Loop(task, compiler=gt.StepCompiler("graph"), run_dir=path, progress=False).run(data, steps=2)
    task.averaged_generator.save(path / "generator.keras")
    return path


def save(folder: Path, images: Any) -> Path:
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return folder


@pytest.fixture(scope="module")
def crops() -> Any:
    images = gt.data.photographs(batch_size=8, size=SIZE, labels=False).arrays
    return images[np.random.default_rng(0).permutation(len(images))]


@pytest.fixture(scope="module")
def run_on_folder(tmp_path_factory: pytest.TempPathFactory, crops: Any) -> Path:
    place = tmp_path_factory.mktemp("place")
    folder = save(place / "pictures", crops[:60])
    return finished(place / "run", gt.data.image_folder(folder, batch_size=8, size=SIZE))


def recorded(path: Path, data: str) -> FinishedRun:
    """A run of which there is the record only."""
    (path / "run.json").write_text(json.dumps({"task": "ImageGAN", "data": {"name": data}}))
    return FinishedRun(path)


def evaluate(monkeypatch: pytest.MonkeyPatch, cache: Path, run: Path, *flags: object) -> dict[str, Any]:
    monkeypatch.setenv("GANTAPE_CACHE", str(cache))
    monkeypatch.setattr(sys, "argv", ["evaluate.py", str(run), "--judge-steps", "20", *map(str, flags)])
    assert main() == 0
    report: dict[str, Any] = json.loads((run / "evaluation.json").read_text())
    return report


def test_a_run_on_a_folder_is_judged_without_labels(
    run_on_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_on_folder.parent / "pictures"
    report = evaluate(monkeypatch, tmp_path, run_on_folder, "--data", folder)
    measured = {entry["name"]: entry for entry in report["measurements"]}
    assert measured["Fréchet distance"]["count"] == 30
    assert measured["Fréchet distance"]["value"] > 2.0 * measured["Fréchet distance"]["baseline"]
    assert measured["authenticity"]["baseline"] < 1.0
    assert report["judge"]["images"] == 60
    assert not report["judge"]["held_out"]
    assert "learnt from 60 images of folder pictures without labels" in capsys.readouterr().out
    assert (run_on_folder / "neighbours.png").is_file()
    assert report["judge"]["source"] == json.loads((run_on_folder / "evaluation.json").read_text())["judge"]["source"]


def test_held_out_images_and_a_network_from_a_file(
    run_on_folder: Path, crops: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = save(tmp_path / "others", crops[60:90])
    network = keras.Sequential([keras.Input((20, 20, 3)), keras.layers.Conv2D(6, 3), keras.layers.GlobalAveragePooling2D()])
    network.save(tmp_path / "small.keras")
    flags = ("--held-out", others, "--features", tmp_path / "small.keras", "--features-pixels", "0", "255")
    report = evaluate(monkeypatch, tmp_path, run_on_folder, "--data", run_on_folder.parent / "pictures", *flags)
    measured = {entry["name"]: entry for entry in report["measurements"]}
    assert measured["Fréchet distance"]["count"] == 60
    assert measured["training distance"]["count"] == 30
    assert report["judge"]["held_out"]
    assert report["judge"]["source"] == "small.keras, 20×20, pixels 0 to 255"


def test_the_training_images_are_those_of_the_run(run_on_folder: Path, crops: Any, tmp_path: Path) -> None:
    run = FinishedRun(run_on_folder)
    found = images_of(run, SHAPE, run_on_folder.parent / "pictures", None)
    np.testing.assert_array_equal(found.train, crops[:60])
    assert found.held_out is None
    for folder, words in ((None, "no folder in the record"), (tmp_path / "gone", "no folder here")):
        with pytest.raises(RunDirectoryError, match=words):
            images_of(run, SHAPE, folder, None)


def test_photographs_and_digits_have_held_out_images_of_their_own(tmp_path: Path) -> None:
    found = images_of(recorded(tmp_path, "photographs train"), SHAPE, None, None)
    assert (found.name, found.train.shape[1:]) == ("photographs", SHAPE)
    assert found.held_out is not None
    test = gt.data.photographs(batch_size=8, size=SIZE, split="test").arrays[0]
    np.testing.assert_array_equal(found.held_out, test)


def test_other_data_cannot_be_read_again(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="can be read again"):
        images_of(recorded(tmp_path, "arrays"), SHAPE, None, None)
