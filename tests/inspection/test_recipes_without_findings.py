"""No recipe of the zoo has a finding."""

import pytest
from small_recipes import batches, few, small

import gantape as gt
from gantape import zoo
from gantape.commands.recipes import RECIPES

BEYOND: dict[str, type[gt.Task]] = {
    "digits": zoo.DigitClassifier,
    "autoencoder": zoo.VariationalAutoencoder,
    "distillation": zoo.Distillation,
    "contrastive": zoo.SimCLR,
    "diffusion": zoo.Diffusion,
}


@pytest.mark.parametrize("recipe", ["dcgan", "wgan-gp"])
def test_no_finding_on_usual_recipes(recipe):
    assert not gt.inspect(small(RECIPES[recipe].task_class), batches(recipe)).all_findings


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [*RECIPES, *BEYOND])
def test_no_finding_on_any_recipe(recipe):
    task_class = BEYOND[recipe] if recipe in BEYOND else RECIPES[recipe].task_class
    labels = recipe in ("digits", "distillation")
    data = batches(recipe) if recipe in RECIPES else few(40, batch_size=8, labels=labels)
    assert not gt.inspect(small(task_class), data).all_findings
