"""Every recipe is written out as it trains, or refused with a reason."""

import pytest
from small_recipes import batches, small

import gantape as gt
from gantape.commands.recipes import RECIPES

REFUSED = {
    "cyclegan": "SharedPass",
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_is_written_out_or_refused(recipe: str) -> None:
    task, data = small(RECIPES[recipe].task_class), batches(recipe)  # type: ignore[index]
    if recipe in REFUSED:
        with pytest.raises(gt.errors.EjectError, match=REFUSED[recipe]):
            gt.eject(task, data)
        return
    made = gt.eject(task, data, check=2)
    assert made.check.equal
    assert max(map(len, made.text.splitlines())) <= 128
