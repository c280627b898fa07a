"""`train_gan.py --judge-every`: what a run gains by it."""

import functools
from pathlib import Path

import keras
import numpy as np
import pytest

import gantape as gt
from gantape import evaluation
from gantape.commands.judging import BEST, judging, save_best_generator
from gantape.commands.recipes import RECIPES
from gantape.errors import DataNotFoundError
from gantape.zoo import CGAN

WHEN = gt.every(steps=2)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_run_gains_figures_and_its_best_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = functools.partial(evaluation.train_judge, folder=tmp_path, classifier=evaluation.JudgeClassifier(steps=8))
    monkeypatch.setattr(evaluation, "train_judge", quick)
    recipe = RECIPES["cgan"]
    data = recipe.batches(gt.data.digits)
    task = CGAN(width=2, latent_size=4)
    settings = gt.Checkpoints(best=BEST)
    loop = gt.Loop(task, callbacks=[judging(recipe, "digits", WHEN)], run_dir=tmp_path / "run", checkpoints=settings)
    history = loop.run(data, steps=4)
    assert [row["step"] for row in history if "frechet_distance" in row] == [2, 4]
    save_best_generator(tmp_path / "run", task)
    best = type(task)(**task.hyperparameters)
    gt.load_best(tmp_path / "run", best)
    saved = keras.saving.load_model(tmp_path / "run" / "best.keras")
    for one, other in zip(saved.get_weights(), best.averaged_generator.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_folder_of_images_has_no_labels_for_a_judge(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="a folder, where digits are needed"):
        judging(RECIPES["dcgan"], str(tmp_path), WHEN)
