"""`train_gan.py --judge-every`: what a run gains by it."""

import functools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import gantape as gt
from gantape import evaluation
from gantape.commands.judging import BEST, BestGenerator, judging
from gantape.commands.recipes import FOLDER_RECIPES, RECIPES
from gantape.commands.training_data import load
from gantape.errors import DataNotFoundError
from gantape.zoo import CGAN, DCGAN, ImageGAN

WHEN = gt.every(steps=2)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_run_gains_figures_and_its_best_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = functools.partial(evaluation.train_judge, folder=tmp_path, classifier=evaluation.JudgeClassifier(steps=8))
    monkeypatch.setattr(evaluation, "train_judge", quick)
    recipe = RECIPES["cgan"]
    data = recipe.batches(gt.data.digits)
    task = CGAN(width=2, latent_size=4)
    settings = gt.Checkpoints(best=BEST)
    callbacks = [gt.Callback(BestGenerator(tmp_path / "run"), gt.at_end()), judging(recipe, "digits", None, WHEN)]
    loop = gt.Loop(task, callbacks=callbacks, run_dir=tmp_path / "run", checkpoints=settings)
    history = loop.run(data, steps=4)
    assert [row["step"] for row in history if "frechet_distance" in row] == [2, 4]
    best = type(task)(**task.hyperparameters)
    gt.load_best(tmp_path / "run", best)
    saved = keras.saving.load_model(tmp_path / "run" / "best.keras")
    for one, other in zip(saved.get_weights(), best.averaged_generator.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_a_best_checkpoint_there_is_no_best_generator(tmp_path: Path) -> None:
    data = RECIPES["dcgan"].batches(gt.data.digits)
    loop = gt.Loop(
        DCGAN(width=2, latent_size=4),
        callbacks=[gt.Callback(BestGenerator(tmp_path), gt.at_end())],
        run_dir=tmp_path,
        progress=False,
    )
    assert loop.run(data, steps=1).stopped_by == "1 step"
    assert not (tmp_path / "best.keras").exists()


@pytest.mark.parametrize("data", ["folder", "auto"])
def test_images_without_labels_are_judged_by_features_that_are_learnt_from_them(
    data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a folder, and photographs, which "auto" means for images that are no digits."""
    monkeypatch.setenv("GANTAPE_CACHE", str(tmp_path / "cache"))
    learnt = []

    def quick(images: np.ndarray[Any, Any], *, name: str) -> evaluation.FeatureNetwork:
        learnt.append(images.shape)
        height, width, channels = images.shape[1:]
        classifier = evaluation.TransformationClassifier(height=height, width=width, channels=channels, steps=2)
        return learn(images, name=name, classifier=classifier)

    learn = evaluation.learn_features
    monkeypatch.setattr(evaluation, "learn_features", quick)
    if data == "folder":
        data = str(tmp_path / "pictures")
        Path(data).mkdir()
        for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (24, 9, 12, 3), dtype=np.uint8)):
            Image.fromarray(pixels).save(Path(data) / f"{number}.png")
    recipe, shape = FOLDER_RECIPES["image-gan"], (8, 8, 3)
    task = ImageGAN(image_size=8, width=2, widest=4, latent_size=4)
    loop = gt.Loop(
        task, callbacks=[judging(recipe, data, shape, WHEN)], run_dir=tmp_path / "run", compiler=gt.StepCompiler("eager")
    )
    history = loop.run(load(data, 8, shape, labels=False, pixels=task.pixels), steps=2)
    row = next(row for row in history if "frechet_distance" in row)
    assert row["frechet_distance"] > 0.0
    assert row["latent_diversity"] > 0.0
    assert "inception_score" not in row
    assert learnt == [(2508 if data == "auto" else 24, *shape)]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="no such data"):
        judging(RECIPES["dcgan"], str(tmp_path / "nothing"), (28, 28, 1), WHEN)
