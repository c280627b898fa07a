"""`train_gan.py --judge-every`: what a run gains by it."""

import functools
from pathlib import Path

import keras
import numpy as np
import pytest

import gantape as gt
from gantape import evaluation
from gantape.commands.judging import BEST, best_generator, judging
from gantape.commands.recipes import RECIPES
from gantape.errors import DataNotFoundError
from gantape.zoo import CGAN, DCGAN

WHEN = gt.every(steps=2)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_run_gains_figures_and_its_best_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = functools.partial(evaluation.train_judge, folder=tmp_path, classifier=evaluation.JudgeClassifier(steps=8))
    monkeypatch.setattr(evaluation, "train_judge", quick)
    recipe = RECIPES["cgan"]
    data = recipe.batches(gt.data.digits)
    task = CGAN(width=2, latent_size=4)
    settings = gt.Checkpoints(best=BEST)
    callbacks = [best_generator(tmp_path / "run"), judging(recipe, "digits", WHEN)]
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
    loop = gt.Loop(DCGAN(width=2, latent_size=4), callbacks=[best_generator(tmp_path)], run_dir=tmp_path, progress=False)
    assert loop.run(data, steps=1).stopped_by == "1 steps"
    assert not (tmp_path / "best.keras").exists()


def test_a_folder_of_images_has_no_labels_for_a_judge(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="a folder, where digits are needed"):
        judging(RECIPES["dcgan"], str(tmp_path), WHEN)
