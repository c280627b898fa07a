"""The page of all recipes, from results that are there."""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from gantape.report import save_picture

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
import compare_recipes


def test_a_page_has_what_was_trained(tmp_path: Path) -> None:
    arguments = compare_recipes.Arguments(folder=tmp_path)
    heights = []
    for names in (("dcgan", "wgan"), ("lsgan", "cyclegan")):
        for name in names:
            curves = {"discriminator/loss": [1.0, 0.5], "generator/loss": [0.2, 0.9]}
            facts = {"steps": 100, "minutes": 0.5, "cpu_minutes": 0.9, "data": "digits", "curves": curves}
            save_picture(np.full((64, 96, 1), 255, np.uint8), tmp_path / name / "grid.png", zoom=1)
            (tmp_path / name / "result.json").write_text(json.dumps(facts))
        with Image.open(compare_recipes.draw(arguments)) as page:
            heights.append(page.height)
            assert page.mode == "P"
            assert len(set(np.asarray(page.convert("L")).ravel())) > 2
    assert heights[1] == 2 * heights[0]
