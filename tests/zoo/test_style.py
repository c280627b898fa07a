"""The style-based GAN: its shapes, mixed styles, lazy terms, training in every mode, and resumed runs."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape import zoo
from gantape.layers import Equalized, FilteredResampling2D, ModulatedConv2D, NoiseInput, faster
from gantape.testing import assert_resumes_exactly
from gantape.zoo.style import down_block, styled

layers = keras.layers
SMALL: dict[str, Any] = {"width": 2, "widest": 4, "latent_size": 4, "style_size": 3, "mapping_layers": 2}


def images(*shape: int) -> Any:
    return np.random.default_rng(0).uniform(-1.0, 1.0, size=shape).astype(np.float32)


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (32, 3)])
def test_depth_follows_the_size(size: int, channels: int) -> None:
    task = zoo.StyleGAN2(image_size=size, channels=channels, **SMALL)
    latents = task.latents(3, gt.RandomStreams(0))
    made = task.generate(latents)
    assert made.shape == (3, size, size, channels)
    generator: Any = task.generator
    assert generator.get_layer("synthesis").input_shape == (None, 2 * int(np.log2(size)) - 2, 3)
    np.testing.assert_array_equal(made, task.generate(latents))
    np.testing.assert_allclose(faster(generator)(latents), generator(latents), rtol=1e-5, atol=1e-6)


def test_other_sizes_are_refused() -> None:
    with pytest.raises(gt.errors.HyperparameterError, match="StyleGAN2"):
        zoo.StyleGAN2(image_size=48)


def test_styles_are_mixed_from_a_random_layer_on() -> None:
    """Style 0 is that of the first latent, the last one mostly that of the second; both are those of the mapping network."""
    task, rng = zoo.StyleGAN2(image_size=16, mixing=0.75, **SMALL), gt.RandomStreams(1)
    found = task.mixed_styles(400, rng).numpy()
    mapping = task.generator.get_layer("mapping")
    first, second = (mapping(task.latents(400, rng, name)).numpy() for name in ("latent", "other latent"))
    of_second = np.isclose(found, second[:, None]).all(axis=-1)
    np.testing.assert_allclose(found, np.where(of_second[..., None], second[:, None], first[:, None]), rtol=1e-5, atol=1e-6)
    assert not of_second[:, 0].any()
    assert of_second[:, -1].mean() == pytest.approx(0.75, abs=0.06)
    assert (np.diff(of_second.astype(int), axis=1) >= 0).all()
    mixed = of_second[of_second.any(axis=1)]
    shares = np.bincount(mixed.argmax(axis=1), minlength=6)[1:] / len(mixed)
    np.testing.assert_allclose(shares, np.full(5, 0.2), atol=0.09)


def test_without_mixing_training_uses_one_style() -> None:
    task = zoo.StyleGAN2(image_size=8, mixing=0.0, **SMALL)
    rng = gt.RandomStreams(1)
    made = task.generate_in_training(3, (), rng)
    np.testing.assert_allclose(made, task.generator(task.latents(3, rng)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("upsample", [False, True])
def test_an_activation_multiplies_bias_and_noise_by_its_gain_too(upsample: bool) -> None:
    """√2 lrelu(x + strength · noise + bias), x being the output of a convolution without gain."""
    shapes = [(4, 4, 3), (5,), (8, 8, 1) if upsample else (4, 4, 1)]
    inputs = [keras.Input(shape) for shape in shapes]
    block = keras.Model(inputs, styled(*inputs, 6, upsample=upsample))
    convolution, noise = (
        next(found for found in block.layers if isinstance(found, kind)) for kind in (ModulatedConv2D, NoiseInput)
    )
    bias = images(6)
    noise.strength.assign(0.7)
    given = [images(2, *shape) for shape in shapes]
    without_gain = ModulatedConv2D(6, upsample=upsample)
    without_gain(given[:2])
    without_gain.set_weights(convolution.get_weights())
    convolution.bias.assign(bias)
    before = without_gain(given[:2]) + 0.7 * given[2] + bias
    expected = np.sqrt(2.0) * np.where(before > 0, before, 0.2 * before)
    np.testing.assert_allclose(block(given), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("batch", "expected"), [(1, 1), (5, 3), (6, 3)])
def test_path_lengths_take_half_of_a_batch_rounded_up(batch: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that replicas with odd parts of a batch never take fewer examples than one device."""
    task, counts = zoo.StyleGAN2(image_size=8, **SMALL), []
    mixed_styles = zoo.StyleGAN2.mixed_styles

    def counted(self: Any, count: int, rng: gt.RandomStreams) -> Any:
        counts.append(count)
        return mixed_styles(self, count, rng)

    monkeypatch.setattr(zoo.StyleGAN2, "mixed_styles", counted)
    losses = task.generator_loss(images(batch, 8, 8, 3), gt.RandomStreams(0))
    counts.clear()
    assert np.isfinite(losses.terms["path_length"]())
    assert counts == [expected]


def test_path_lengths_take_half_of_a_batch_whose_size_the_graph_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    task = zoo.StyleGAN2(image_size=8, **SMALL)
    task.generator_loss(images(2, 8, 8, 3), gt.RandomStreams(0))
    monkeypatch.setattr(zoo.StyleGAN2, "_path_length", lambda self, count, rng: count)

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3])])
    def count(batch: Any) -> Any:
        return task.generator_loss(batch, gt.RandomStreams(0)).terms["path_length"]()

    assert [int(count(images(batch, 8, 8, 3))) for batch in (1, 5, 6)] == [1, 3, 3]


def test_a_down_block_is_that_of_the_paper() -> None:
    """With gains of √2 after leaky ReLUs, and 1 / √2 after the sum."""
    inputs = keras.Input((6, 6, 3))
    block = keras.Model(inputs, down_block(inputs, 4, 5))
    for variable in block.trainable_variables:
        variable.assign(images(*variable.shape))
    by_shape = {layer.layer.kernel.shape: layer.layer for layer in block.layers if isinstance(layer, Equalized)}

    def convolved(x: Any, shape: tuple[int, ...], strides: int, padding: str) -> Any:
        layer = by_shape[shape]
        outputs = tf.nn.conv2d(x, layer.kernel.value / np.sqrt(np.prod(shape[:-1])), strides, padding)
        return outputs + layer.bias.value if layer.use_bias else outputs

    def activated(x: Any) -> Any:
        return np.sqrt(2.0) * np.where(x > 0, x, 0.2 * x)

    x = images(2, 6, 6, 3)
    hidden = FilteredResampling2D(padding=(2, 2))(activated(convolved(x, (3, 3, 3, 4), 1, "SAME")))
    hidden = activated(convolved(hidden, (3, 3, 4, 5), 2, "VALID"))
    expected = (hidden + convolved(FilteredResampling2D(down=2)(x), (1, 1, 3, 5), 1, "VALID")) / np.sqrt(2.0)
    assert expected.shape == (2, 3, 3, 5)
    np.testing.assert_allclose(block(x), expected, rtol=1e-4, atol=1e-5)


def test_path_lengths_are_due_in_every_fourth_step_unless_their_weight_is_zero() -> None:
    for weight, expected in ((2.0, [0, 4, 8]), (0.0, [])):
        task = zoo.StyleGAN2(image_size=8, path_weight=weight, **SMALL)
        step = gt.Step(task.updates(), seed=0, update_metrics=task.metrics.update)
        assert [number for number in range(9) if "generator/path_length" in step.due(number)] == expected
        assert [number for number in range(17) if "discriminator/r1" in step.due(number)] == [0, 16]


@pytest.mark.parametrize(("mode", "steps"), [("graph", 2), pytest.param("xla", 5, marks=pytest.mark.slow)])
def test_it_trains_alike_in_every_mode(mode: Any, steps: int) -> None:
    found = []
    for compiled in ("eager", mode):
        keras.utils.set_random_seed(3)
        task = zoo.StyleGAN2(image_size=8, **SMALL)
        loop = gt.Loop(task, compiler=gt.StepCompiler(compiled), seed=1)
        history = loop.run(gt.data.from_arrays(images(16, 8, 8, 3), batch_size=4), steps=steps, record=gt.every(steps=1))
        found.append(history.values("discriminator/loss") + history.values("generator/loss") + [float(task.path_length.mean)])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3)


@pytest.mark.slow
def test_it_resumes_exactly() -> None:
    data = gt.data.from_arrays(images(8, 8, 8, 1), batch_size=4)
    make = lambda: zoo.StyleGAN2(image_size=8, channels=1, **SMALL)  # noqa: E731
    assert_resumes_exactly(make, data, steps=6, stops=(2,), compiler=gt.StepCompiler("eager"))
