"""The benchmark of GANs of images: networks by hand are the zoo's, steps move them, and the table says what was measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.benchmark_image_gans import ENTRIES, Benchmark, Measured, main, table
from benchmarks.image_gans import settings, with_gantape, with_keras
from gantape.commands.recipes import FOLDER_RECIPES
from gantape.layers import plain

RECIPES = tuple(settings.BATCH_SIZES)


def shapes(*models: Any) -> list[tuple[int, ...]]:
    return sorted(tuple(weight.shape) for model in models for weight in model.trainable_variables)


def by_hand(recipe: Any) -> Any:
    return with_keras.ImageGAN() if recipe == "image-gan" else with_keras.FastGAN()


def images(count: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_networks_by_hand_have_the_weights_of_the_zoos(recipe: Any) -> None:
    task, model = with_gantape.task(recipe), by_hand(recipe)
    others = [task.decoders] if recipe == "fastgan" else []
    assert shapes(model.generator) == shapes(task.generator)
    assert shapes(model.discriminator, *model.others) == shapes(task.discriminator, *others)
    assert settings.BATCH_SIZES[recipe] == FOLDER_RECIPES[recipe].batch_size
    for found, ours in ((model.g_optimizer, task.generator_optimizer), (model.d_optimizer, task.discriminator_optimizer)):
        for name in ("learning_rate", "beta_1", "beta_2", "epsilon"):
            assert float(getattr(found, name)) == float(getattr(ours, name))


def test_the_networks_of_image_gan_compute_the_same() -> None:
    task, model = with_gantape.task("image-gan"), by_hand("image-gan")
    latents, seen = np.random.default_rng(0).normal(size=(8, 64)).astype(np.float32), images(8) / np.float32(127.5) - 1
    for part, inputs in (("generator", latents), ("discriminator", seen)):
        network = plain(getattr(task, part))
        getattr(model, part).set_weights(network.get_weights())
        np.testing.assert_allclose(getattr(model, part)(inputs), network(inputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_step_in_keras_moves_all_weights(recipe: Any) -> None:
    model = by_hand(recipe)
    weights = [*model.generator.trainable_variables, *model.d_weights]
    before = [weight.numpy().copy() for weight in weights]
    real = tf.constant(images(16), tf.float32) / 127.5 - 1.0
    found = model.train_step(real)
    assert all(np.isfinite(float(value)) for value in found.values())
    still = [weight.path for weight, old in zip(weights, before, strict=True) if np.array_equal(weight.numpy(), old)]
    assert not still


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_networks_in_torch_have_as_many_weights(recipe: Any) -> None:
    pytest.importorskip("torch")
    from benchmarks.image_gans import with_torch

    model, parts = by_hand(recipe), with_torch.networks(recipe)
    counts = [sum(int(np.prod(shape)) for shape in shapes(part)) for part in (model.generator, model.discriminator)]
    assert [sum(weight.numel() for weight in part.parameters()) for part in parts[:2]] == counts
    loop = with_torch.contender(recipe, {"examples": images(64)}, "channels-last")
    assert loop.run(2) == 2


def test_ratios_are_those_of_each_round_to_gantapes_fastest_mode() -> None:
    results = {
        "gantape-graph": Measured([10.0, 20.0, 30.0], [5.0, 5.0, 5.0], 1.0, 500.0),
        "gantape-xla": Measured([1.0, 1.0, 1.0], [9.0, 9.0, 9.0], 9.0, 600.0),
        "keras-graph": Measured([5.0, 20.0, 10.0], [5.0, 2.5, 5.0], 2.0, 700.0),
        "torch-eager": Measured(note="torch is not installed"),
    }
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in table(results).splitlines()
    }
    speeds, ratios = ["10.0 (5.0 to 20.0)", "5.0 (2.5 to 5.0)"], ["2.00 (1.00 to 3.00)", "1.00 (1.00 to 2.00)"]
    assert rows["keras-graph"] == [*speeds, "2.0", "700", *ratios]
    assert rows["gantape-graph"][-2:] == ["1.00 (1.00 to 1.00)"] * 2
    assert rows["torch-eager"] == ["torch is not installed", *[""] * 5]


@pytest.mark.slow
def test_a_short_benchmark_leaves_its_table_and_record(tmp_path: Path) -> None:
    main(Benchmark(("image-gan",), ("*-graph", "torch-eager"), seconds=0.05, rounds=2, output=tmp_path))
    text = (tmp_path / "image_gans.txt").read_text()
    assert "gantape-graph" in text
    assert "keras-graph" in text
    assert "torch-compile" in ENTRIES
    assert "failed" not in text
    assert (tmp_path / "image_gans.json").is_file()
