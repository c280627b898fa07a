"""The residual GAN: its blocks by definition, its depth, and training in every mode."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape import zoo
from gantape.layers import ConditionalBatchNorm, SelfAttention, SpectralNorm
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


@pytest.mark.parametrize(("size", "channels", "attended"), [(8, 1, 0), (32, 3, 0), (64, 3, 1)])
def test_depth_and_attention_follow_the_size(size: int, channels: int, attended: int) -> None:
    task = zoo.ResNetGAN(image_size=size, channels=channels, **SMALL)
    assert task.generate(task.latents(2, gt.RandomStreams(0))).shape == (2, size, size, channels)
    generator: Any = task.generator
    assert sum(isinstance(layer, SelfAttention) for layer in generator.layers) == attended


def test_attention_sees_a_quarter_of_the_size_in_both_networks() -> None:
    for size, places in ((64, 16), (128, 32)):
        task = zoo.ResNetGAN(image_size=size, **SMALL)
        for network in (task.generator, task.discriminator):
            attention = [layer for layer in network.layers if isinstance(layer, SelfAttention)]
            assert [layer.output.shape[1] for layer in attention] == [places]


def test_classes_change_images_and_scores() -> None:
    task = zoo.ResNetGAN(image_size=8, classes=3, **SMALL)
    for layer in task.averaged_generator.layers:
        if isinstance(layer, ConditionalBatchNorm):
            for variable in layer.trainable_variables:
                variable.assign(images(*variable.shape))
    latents, labels = tf.zeros([3, 4]), tf.range(3)
    made = task.generate(latents, labels)
    assert made.shape == (3, 8, 8, 3)
    assert len(np.unique(made.numpy().round(5), axis=0)) == 3
    scores = task.discriminator([tf.repeat(made[:1], 3, axis=0), labels])
    assert len(np.unique(scores)) == 3


def test_it_trains_on_classes() -> None:
    data = gt.data.from_arrays((images(8, 8, 8, 3), np.arange(8, dtype=np.int32) % 3), batch_size=4)
    loop = gt.Loop(zoo.ResNetGAN(image_size=8, classes=3, **SMALL), compiler=gt.StepCompiler("eager"), seed=1)
    history = loop.run(data, steps=2, record=gt.every(steps=1))
    assert np.isfinite(history.values("generator/loss")).all()


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
