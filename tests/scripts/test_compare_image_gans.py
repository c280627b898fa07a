"""The comparison of recipes for folders of images: what is trained on, when a run ends, what is kept and what is written."""

import json
import time
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import gantape as gt
from benchmarks import compare_image_gans
from benchmarks.compare_image_gans import Budget, Comparison, as_bytes, load, main
from gantape.zoo import ImageGAN


def test_no_crop_is_both_trained_on_and_held_out() -> None:
    known, others = load("photographs", 100, 16)
    assert (known.shape, known.dtype, len(known) + len(others)) == ((100, 16, 16, 3), np.uint8, 2508)
    again, _ = load("photographs", 100, 16)
    np.testing.assert_array_equal(known, again)


def test_digits_get_a_margin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = np.random.default_rng(0).integers(1, 256, (12, 28, 28), dtype=np.uint8)
    classes = np.zeros(12, np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=digits, y_train=classes, x_test=digits, y_test=classes)
    monkeypatch.setenv("GANTAPE_DATA", str(tmp_path))
    known, others = load("mnist", 5, 32)
    assert (known.shape, others.shape) == ((5, 32, 32, 1), (7, 32, 32, 1))
    assert sorted(image[2:30, 2:30].tobytes() for image in (*known, *others)) == sorted(image.tobytes() for image in digits)
    assert not known[:, :2].any()
    with pytest.raises(SystemExit, match="--size 32"):
        load("mnist", 5, 64)


def test_samples_become_bytes() -> None:
    np.testing.assert_array_equal(as_bytes([-1.5, -1.0, 0.004, 1.0, 3.0], (-1.0, 1.0)), [0, 0, 128, 255, 255])


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


def test_every_recipe_is_run_with_a_seed_before_the_next_seed() -> None:
    runs = Comparison(recipes=("image-gan", "fastgan"), seeds=(5, 2), images=30).runs
    assert [(run.recipe, run.seed, run.samples) for run in runs] == [
        ("image-gan", 5, 30),
        ("fastgan", 5, 30),
        ("image-gan", 2, 30),
        ("fastgan", 2, 30),
    ]
    assert len({run.name for run in runs}) == 4


@pytest.mark.slow
def test_recipes_are_judged_beside_real_images_and_finished_runs_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANTAPE_CACHE", str(tmp_path / "cache"))
    comparison = Comparison(
        recipes=("image-gan",), images=40, size=16, minutes=0.002, seeds=(3,), samples=20, judge_steps=2, output=tmp_path
    )
    main(comparison)
    table = (tmp_path / "table.txt").read_text()
    assert "image-gan       3" in table
    assert "kernel distance" in table
    (path,) = tmp_path.glob("*.json")
    assert path.with_suffix(".png").is_file()
    facts = json.loads(path.read_text())
    assert facts["seed"] == 3
    assert facts["peak MiB"] > 100
    with monkeypatch.context() as patched:
        patched.setattr(compare_image_gans, "train", lambda run: pytest.fail("a finished run is made again"))
        main(comparison)
    assert (tmp_path / "table.txt").read_text() == table
    main(attrs.evolve(comparison, seeds=(4, 3)))
    assert [line.split()[1] for line in (tmp_path / "table.txt").read_text().splitlines()[3:]] == ["4", "3"]
