"""Recipes of folders, with and without labels."""

import numpy as np
import pytest

import gantape as gt
from gantape import zoo
from gantape.commands.recipes import FOLDER_RECIPES
from gantape.commands.training_data import load
from gantape.errors import DataError

SMALL = {"image_size": 8, "width": 2, "widest": 4, "latent_size": 4}


def test_a_recipe_reads_labels_if_the_task_has_classes() -> None:
    recipe, asked = FOLDER_RECIPES["resnet-gan"], []

    def load(*, batch_size: int, labels: bool, pixels: tuple[float, float]) -> gt.data.ArrayBatches:
        asked.append(labels)
        return gt.data.from_arrays(np.zeros([batch_size, 8, 8, 3], np.float32), batch_size=batch_size)

    for classes in (0, 3):
        recipe.fitted(zoo.ResNetGAN(classes=classes, **SMALL)).batches(load)
    assert asked == [False, True]


def test_all_recipes_of_folders_take_the_size_and_the_channels() -> None:
    for recipe in FOLDER_RECIPES.values():
        task = recipe.task_class(channels=1, **{**SMALL, "image_size": 32})
        assert recipe.fitted(task) is recipe
        assert recipe.image_shape(task) == (32, 32, 1)


def test_digits_have_one_size() -> None:
    assert load("digits", 4, (28, 28, 1)).batch_size == 4
    with pytest.raises(DataError, match="the task makes images of 64×64×3"):
        load("digits", 4, (64, 64, 3))
