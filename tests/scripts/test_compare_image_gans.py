"""The comparison of recipes for folders of images: what is trained on, when a run ends, and what is written."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gantape as gt
from benchmarks.compare_image_gans import Budget, Comparison, crops, main
from gantape.zoo import ImageGAN


def test_no_crop_is_both_trained_on_and_held_out() -> None:
    known, others = crops(100, 16)
    assert (known.shape, known.dtype, len(known) + len(others)) == ((100, 16, 16, 3), np.uint8, 2508)
    again, _ = crops(100, 16)
    np.testing.assert_array_equal(known, again)


def test_a_run_ends_when_the_process_has_used_its_time() -> None:
    budget, pixels = Budget(0.2), np.random.default_rng(0).uniform(-1.0, 1.0, (8, 8, 8, 3)).astype(np.float32)
    task: Any = ImageGAN(image_size=8, width=2, widest=4, latent_size=4)
    before = time.process_time()
    callbacks = [gt.Callback(budget, gt.every(steps=10))]
    history = gt.Loop(task, compiler=gt.StepCompiler("graph"), callbacks=callbacks).run(
        gt.data.from_arrays(pixels, batch_size=4), steps=100_000
    )
    assert history.stopped_by.endswith("the time of the comparison")
    assert 0.2 <= budget.used <= time.process_time() - before


@pytest.mark.slow
def test_recipes_are_judged_beside_real_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANTAPE_CACHE", str(tmp_path))
    main(Comparison(("image-gan",), images=40, size=16, minutes=0.002, seeds=(3,), samples=20, judge_steps=2, output=tmp_path))
    table = (tmp_path / "table.txt").read_text()
    assert "image-gan       3" in table
    assert "kernel distance" in table
    assert (tmp_path / "image-gan-3.png").is_file()
