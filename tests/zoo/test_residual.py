"""The residual GAN: its blocks by definition, its depth, and training in every mode."""

from typing import Any

import keras
import numpy as np
import pytest

import gantape as gt
from gantape import zoo
from gantape.layers import SelfAttention, SpectralNorm
from gantape.zoo.residual import down_block, up_block

layers = keras.layers
SMALL = {"width": 2, "widest": 4, "latent_size": 4}


def images(*shape: int) -> Any:
    return np.random.default_rng(0).uniform(-1.0, 1.0, size=shape).astype(np.float32)


def test_an_up_block_is_that_of_the_paper() -> None:
    inputs = keras.Input((4, 4, 3))
    block = keras.Model(inputs, up_block(inputs, 5))
    shortcut, second, first = (
        next(layer for layer in block.layers if isinstance(layer, layers.Conv2D) and condition(layer))
        for condition in (
            lambda layer: layer.kernel_size == (1, 1),
            lambda layer: layer.kernel_size == (3, 3) and layer.use_bias,
            lambda layer: layer.kernel_size == (3, 3) and not layer.use_bias,
        )
    )
    one, other = (layer for layer in block.layers if isinstance(layer, layers.BatchNormalization))
    up, relu, x = layers.UpSampling2D(), keras.ops.relu, images(2, 4, 4, 3)
    expected = second(relu(other(first(up(relu(one(x))))))) + shortcut(up(x))
    assert expected.shape == (2, 8, 8, 5)
    np.testing.assert_allclose(block(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("first", [False, True])
def test_a_down_block_is_that_of_the_paper(first: bool) -> None:
    inputs = keras.Input((4, 4, 3))
    block = keras.Model(inputs, down_block(inputs, 5, first=first))
    kernels = [layer for layer in block.layers if isinstance(layer, SpectralNorm)]
    shortcut = next(layer for layer in kernels if layer.layer.kernel_size == (1, 1))
    one, other = sorted((layer for layer in kernels if layer is not shortcut), key=lambda layer: layer.layer.kernel.shape[2])
    pool, relu, x = layers.AveragePooling2D(2), keras.ops.relu, images(2, 4, 4, 3)
    expected = pool(other(relu(one(x if first else relu(x))))) + pool(shortcut(x))
    assert expected.shape == (2, 2, 2, 5)
    np.testing.assert_allclose(block(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("size", "channels", "attended"), [(8, 1, 0), (16, 3, 1), (64, 3, 1)])
def test_depth_and_attention_follow_the_size(size: int, channels: int, attended: int) -> None:
    task = zoo.ResNetGAN(image_size=size, channels=channels, **SMALL)
    assert task.generate(task.latents(2, gt.RandomStreams(0))).shape == (2, size, size, channels)
    generator: Any = task.generator
    assert sum(isinstance(layer, SelfAttention) for layer in generator.layers) == attended


def test_other_sizes_are_refused() -> None:
    with pytest.raises(gt.errors.HyperparameterError, match="ResNetGAN"):
        zoo.ResNetGAN(image_size=48)


@pytest.mark.parametrize("mode", ["graph", pytest.param("xla", marks=pytest.mark.slow)])
def test_it_trains_alike_in_every_mode(mode: Any) -> None:
    found = []
    for compiled in ("eager", mode):
        keras.utils.set_random_seed(3)
        loop = gt.Loop(zoo.ResNetGAN(image_size=16, **SMALL), compiler=gt.StepCompiler(compiled), seed=1)
        history = loop.run(gt.data.from_arrays(images(16, 16, 16, 3), batch_size=4), steps=3, record=gt.every(steps=1))
        found.append(history.values("discriminator/loss") + history.values("generator/loss"))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3)
