"""Every recipe is written out as it trains."""

import pytest
from small_recipes import batches, small

import gantape as gt
from docs import eject_examples
from gantape.commands.recipes import RECIPES


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_written_out(recipe: str) -> None:
    task, data = small(RECIPES[recipe].task_class), batches(recipe)  # type: ignore[index]
    made = gt.eject(task, data, check=2)
    assert made.check.equal
    assert max(map(len, made.text.splitlines())) <= 128


@pytest.mark.slow
@pytest.mark.parametrize("name", ["image-gan", "resnet-gan", "progressive"])
def test_a_task_for_larger_images_is_written_out(name: str) -> None:
    assert gt.eject(*eject_examples.of_images(name), check=2).check.share < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("name", "layer"), [("style", "ModulatedConv2D"), ("fastgan", "NoiseMaps")])
def test_a_task_whose_layers_need_another_library_is_refused_with_their_name(name: str, layer: str) -> None:
    with pytest.raises(gt.errors.EjectError, match=layer):
        gt.eject(*eject_examples.of_images(name))
