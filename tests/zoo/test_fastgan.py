"""FastGAN: its blocks by definition, what its decoders are compared with, its sizes, and training in every mode."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape import zoo
from gantape.layers import NoiseInput, SkipLayerExcitation, SpectralNorm
from gantape.losses import DiscriminatorOutput
from gantape.zoo.fastgan import Reconstruction, down_block, quarter_of, up_block

layers = keras.layers
SMALL = {"width": 2, "widest": 4, "latent_size": 4}


def images(*shape: int) -> Any:
    return np.random.default_rng(0).uniform(-1.0, 1.0, size=shape).astype(np.float32)


def of_kind(model: Any, kind: Any) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, kind)]


def glu(x: Any) -> Any:
    left, right = tf.split(x, 2, axis=-1)
    return left * tf.sigmoid(right)


@pytest.mark.parametrize("noisy", [False, True])
def test_an_up_block_is_that_of_the_paper(noisy: bool) -> None:
    inputs = keras.Input((4, 4, 3))
    block = keras.Model(inputs, up_block(inputs, 5, noisy=noisy))
    kernels, norms = of_kind(block, layers.Conv2D), of_kind(block, layers.BatchNormalization)
    assert len(kernels) == len(norms) == (2 if noisy else 1)
    assert len(of_kind(block, NoiseInput)) == (2 if noisy else 0)
    x = images(2, 4, 4, 3)
    expected = tf.repeat(tf.repeat(tf.constant(x), 2, axis=1), 2, axis=2)
    for kernel, norm in zip(kernels, norms, strict=True):
        expected = glu(norm(kernel(expected)))
    assert expected.shape == (2, 8, 8, 5)
    np.testing.assert_allclose(block(x), expected, rtol=1e-5, atol=1e-5)


def test_a_down_block_is_that_of_the_paper() -> None:
    inputs = keras.Input((4, 4, 3))
    block = keras.Model(inputs, down_block(inputs, 5))
    by_size = {kernel.layer.kernel_size[0]: kernel for kernel in of_kind(block, SpectralNorm)}
    assert {size: kernel.layer.strides[0] for size, kernel in by_size.items()} == {4: 2, 3: 1, 1: 1}
    plain = lambda x: tf.nn.leaky_relu(x / np.sqrt(1.0 + 1e-3), 0.2)  # noqa: E731  # a new batch norm, and the activation
    x = images(2, 4, 4, 3)
    main = plain(by_size[3](plain(by_size[4](x))))
    direct = plain(by_size[1](tf.nn.avg_pool2d(x, 2, 2, "VALID")))
    assert main.shape == (2, 2, 2, 5)
    np.testing.assert_allclose(block(x), (main + direct) / 2.0, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("quarter", range(4))
def test_a_part_is_a_quarter_of_the_image(quarter: int) -> None:
    x = images(2, 8, 8, 3)
    rows, columns = quarter // 2 * 4, quarter % 2 * 4
    np.testing.assert_array_equal(
        quarter_of(tf.constant(x), tf.constant(quarter)), x[:, rows : rows + 4, columns : columns + 4]
    )


def test_decoders_are_compared_with_what_the_discriminator_saw() -> None:
    """A decoder that returns the features themselves has the error between them and the examples."""
    seen, part, whole = images(2, 8, 8, 3), images(2, 8, 8, 3)[::-1], images(2, 4, 4, 3)
    term = Reconstruction(lambda features, training: features, weight=3.0)
    rng = gt.RandomStreams(4)
    output = DiscriminatorOutput(tf.zeros([2, 1]), (tf.constant(part.copy()), tf.constant(whole)), tf.constant(seen))
    found = term.discriminator(output, output, rng)["reconstruction"]
    quarter = int(rng.integers("quarter", [], 4))
    places = slice(quarter // 2 * 4, quarter // 2 * 4 + 4), slice(quarter % 2 * 4, quarter % 2 * 4 + 4)
    small = seen.reshape(2, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    expected = np.abs(part[:, *places] - seen[:, *places]).mean() + np.abs(whole - small).mean()
    assert float(found) == pytest.approx(3.0 * expected, rel=1e-5)
    assert term.generator(None, output, rng) == {}


@pytest.mark.parametrize(("size", "channels", "excited"), [(32, 1, (1, 0)), (64, 3, (1, 1)), (256, 1, (3, 3))])
def test_depth_and_excitation_follow_the_size(size: int, channels: int, excited: tuple[int, int]) -> None:
    task: Any = zoo.FastGAN(image_size=size, channels=channels, **SMALL)
    assert task.generate(task.latents(2, gt.RandomStreams(0))).shape == (2, size, size, channels)
    assert tuple(len(of_kind(model, SkipLayerExcitation)) for model in (task.generator, task.discriminator)) == excited
    assert [tuple(output.shape) for output in task.discriminator.outputs] == [
        (None, 5, 5, 1),
        (None, 16, 16, 4),
        (None, 8, 8, 4),
    ]
    assert {tuple(output.shape) for output in task.decoders.outputs} == {(None, size // 2, size // 2, channels)}


@pytest.mark.parametrize("size", [16, 48])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(gt.errors.HyperparameterError, match="FastGAN"):
        zoo.FastGAN(image_size=size)


def test_the_losses_are_the_same_in_a_graph() -> None:
    task, batch = zoo.FastGAN(image_size=32, **SMALL), tf.constant(images(4, 32, 32, 3))
    saved = [model.get_weights() for model in (task.generator, task.discriminator, task.decoders)]
    found = []
    for call in (task.discriminator_loss, tf.function(task.discriminator_loss, autograph=False)):
        for model, weights in zip((task.generator, task.discriminator, task.decoders), saved, strict=True):
            model.set_weights(weights)
        found.append({name: float(value) for name, value in call(batch, gt.RandomStreams(1)).terms.items()})
    assert list(found[0]) == ["real", "fake", "reconstruction"]
    assert found[1] == pytest.approx(found[0], rel=1e-4)


def test_its_losses_are_in_full_precision_where_its_layers_are_not() -> None:
    task = zoo.FastGAN(image_size=32, precision="mixed_bfloat16", **SMALL)
    batch = tf.constant(images(4, 32, 32, 3))
    for losses in (task.discriminator_loss(batch, gt.RandomStreams(1)), task.generator_loss(batch, gt.RandomStreams(1))):
        assert {value.dtype for value in losses.terms.values()} == {tf.float32}
        assert np.isfinite([float(value) for value in losses.terms.values()]).all()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_it_trains_alike_in_every_mode(mode: Any) -> None:
    found = []
    for compiled in ("eager", mode):
        keras.utils.set_random_seed(3)
        loop = gt.Loop(zoo.FastGAN(image_size=32, **SMALL), compiler=gt.StepCompiler(compiled), seed=1)
        history = loop.run(gt.data.from_arrays(images(16, 32, 32, 3), batch_size=4), steps=2, record=gt.every(steps=1))
        found.append(history.values("discriminator/loss") + history.values("generator/loss"))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3)


@pytest.mark.slow
def test_it_resumes_exactly() -> None:
    from gantape.testing import assert_resumes_exactly

    data = gt.data.from_arrays(images(16, 32, 32, 3), batch_size=4)
    assert_resumes_exactly(lambda: zoo.FastGAN(image_size=32, **SMALL), data, steps=6, stops=(3,))
