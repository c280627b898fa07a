"""Every recipe is written out as it trains."""

import pytest
from small_recipes import batches, small

import gantape as gt
from gantape.commands.recipes import RECIPES


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_written_out(recipe: str) -> None:
    task, data = small(RECIPES[recipe].task_class), batches(recipe)  # type: ignore[index]
    made = gt.eject(task, data, check=2)
    assert made.check.equal
    assert max(map(len, made.text.splitlines())) <= 128
