"""Attention, excitation and modulation: by definition, with their second derivatives, saved, in 16 bits."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import double_precision

from gantape.layers import LearnedConstant, ModulatedConv2D, NoiseInput, NoiseMaps, SelfAttention, SkipLayerExcitation, faster
from gantape.layers.attention import _pooled

layers = keras.layers
RUNS = {"eager": None, "graph": False, "xla": True}


def random(*shape: int, seed: int = 0) -> Any:
    return tf.constant(np.random.default_rng(seed).normal(size=shape))


def randomized(layer: Any, *inputs: Any) -> Any:
    """The layer, built, with random weights: gamma is 0 at first."""
    layer(inputs[0] if len(inputs) == 1 else list(inputs))
    for place, variable in enumerate(layer.trainable_variables):
        variable.assign(random(*variable.shape, seed=place + 1))
    return layer


def attention(weights: Any, images: Any) -> Any:
    gamma, *kernels = sorted(weights, key=lambda weight: len(weight.shape))
    query, key, content, projection = (tf.squeeze(kernel, [0, 1]) for kernel in kernels)

    def pooled(maps: Any) -> Any:
        blocks = tf.reshape(maps, [2, 2, 2, 2, 2, -1])  # 4×4 places
        return tf.reshape(tf.reduce_max(blocks, axis=[2, 4]), [2, 4, -1])

    scores = tf.einsum("bic,bjc->bij", tf.reshape(images @ query, [2, 16, -1]), pooled(images @ key))
    shares = tf.exp(scores) / tf.reduce_sum(tf.exp(scores), axis=-1, keepdims=True)
    seen = tf.reshape(tf.einsum("bij,bjc->bic", shares, pooled(images @ content)), [2, 4, 4, -1])
    return images + gamma * (seen @ projection)


def excitation(weights: Any, large: Any, small: Any) -> Any:
    first, second = weights
    mean = tf.reduce_mean(tf.reshape(small, [2, 4, 2, 4, 2, -1]), axis=[2, 4])
    hidden = tf.einsum("bhwi,hwij->bj", mean, first)
    factors = 1.0 / (1.0 + tf.exp(-(hidden / (1.0 + tf.exp(-hidden))) @ second[0, 0]))
    return large * factors[:, None, None, :]


def modulated_kernels(weights: Any, styles: Any) -> Any:
    """A kernel for each example, as in the paper, and the biases."""
    kernel, dense, affine_bias, bias = sorted(weights, key=lambda weight: -len(weight.shape))
    if bias.shape != (4,):
        affine_bias, bias = bias, affine_bias
    factors = styles @ dense / np.sqrt(styles.shape[1]) + affine_bias
    return kernel * factors[:, None, None, :, None] / np.sqrt(kernel.shape[0] * kernel.shape[1] * kernel.shape[2]), bias


def normalised(kernels: Any) -> Any:
    return kernels / tf.sqrt(tf.reduce_sum(kernels**2, axis=[1, 2, 3], keepdims=True) + 1e-8)


def modulation(weights: Any, images: Any, styles: Any) -> Any:
    kernels, bias = modulated_kernels(weights, styles)
    kernels, bias = np.sqrt(2.0) * normalised(kernels), np.sqrt(2.0) * bias
    return bias + tf.concat([tf.nn.conv2d(images[place : place + 1], kernels[place], 1, "SAME") for place in range(2)], axis=0)


def colours(weights: Any, images: Any, styles: Any) -> Any:
    kernels, bias = modulated_kernels(weights, styles)
    return bias + tf.einsum("bhwi,bio->bhwo", images, kernels[:, 0, 0])


def enlargement(weights: Any, images: Any, styles: Any) -> Any:
    """Zeros between pixels, a convolution with the reversed kernel, and one with the filter."""
    swapped = [tf.transpose(weight, [0, 1, 3, 2]) if len(weight.shape) == 4 else weight for weight in weights]
    kernels, bias = modulated_kernels(swapped, styles)
    kernels = tf.reverse(normalised(kernels), axis=[1, 2])
    spread = tf.reshape(tf.pad(images[:, :, None, :, None], [[0, 0], [0, 0], [0, 1], [0, 0], [0, 1], [0, 0]]), [2, 10, 10, 3])
    spread = tf.pad(spread[:, :-1, :-1], [[0, 0], [2, 2], [2, 2], [0, 0]])
    found = tf.concat([tf.nn.conv2d(spread[place : place + 1], kernels[place], 1, "VALID") for place in range(2)], axis=0)
    smoothing = tf.constant(np.einsum("i,j,kl->ijkl", [1, 3, 3, 1], [1, 3, 3, 1], np.eye(4)) / 16)
    return bias + tf.nn.conv2d(tf.pad(found, [[0, 0], [1, 1], [1, 1], [0, 0]]), smoothing, 1, "VALID")


CASES: dict[str, tuple[Callable[[], Any], Callable[..., Any], list[Any]]] = {
    "attention": (lambda: SelfAttention(spectral=False), attention, [(2, 4, 4, 8)]),
    "excitation": (SkipLayerExcitation, excitation, [(2, 3, 3, 4), (2, 8, 8, 3)]),
    "modulation": (lambda: ModulatedConv2D(4, gain=2**0.5), modulation, [(2, 5, 5, 3), (2, 6)]),
    "colours": (lambda: ModulatedConv2D(4, 1, demodulate=False), colours, [(2, 5, 5, 3), (2, 6)]),
    "enlargement": (lambda: ModulatedConv2D(4, upsample=True), enlargement, [(2, 5, 5, 3), (2, 6)]),
}


def derivatives(function: Callable[..., Any], weights: Any, inputs: Any) -> Any:
    """Outputs, gradients, and gradients of a function of the gradients."""
    sources = [*weights, *inputs]
    with tf.GradientTape() as outer:
        outer.watch(sources)
        with tf.GradientTape() as inner:
            inner.watch(sources)
            outputs = function(sources[: len(weights)], *sources[len(weights) :])
            loss = tf.reduce_sum(tf.sin(outputs))
        gradients = inner.gradient(loss, sources)
        total = tf.add_n([tf.reduce_sum(tf.cos(gradient)) for gradient in gradients])
    return [outputs, *gradients, *outer.gradient(total, sources)]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_two_derivatives_are_those_of_the_definition(name: str, run: str) -> None:
    with double_precision():
        make, definition, shapes = CASES[name]
        inputs = [random(*shape, seed=place) for place, shape in enumerate(shapes)]
        layer = randomized(make(), *inputs)
        values = [tf.constant(variable.numpy()) for variable in layer.trainable_variables]

        def of_layer(weights: Any, *given: Any) -> Any:
            outputs, _ = layer.stateless_call(weights, [], given[0] if len(given) == 1 else list(given))
            return outputs

        def found(values: Any, inputs: Any) -> Any:
            return derivatives(of_layer, values, inputs)

        compiled = found if run == "eager" else tf.function(found, jit_compile=RUNS[run])
        for one, expected in zip(compiled(values, inputs), derivatives(definition, values, inputs), strict=True):
            np.testing.assert_allclose(one, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 4), (3, 7)])
def test_keys_are_pooled_as_keras_does(height: int, width: int) -> None:
    images = tf.cast(random(2, height, width, 3), tf.float32)
    np.testing.assert_array_equal(_pooled(images), layers.MaxPooling2D(2, padding="same")(images))


def test_attention_changes_nothing_at_first() -> None:
    images = tf.cast(random(2, 5, 7, 8), tf.float32)
    np.testing.assert_array_equal(SelfAttention()(images), images)


def test_the_kernels_of_attention_have_spectral_norm() -> None:
    layer = SelfAttention()
    images = tf.cast(random(2, 4, 4, 8), tf.float32)
    layer(images)
    layer.gamma.assign(1.0)
    for _ in range(50):
        outputs = layer(images, training=True)
    kernels = [variable for variable in layer.trainable_variables if variable is not layer.gamma]
    assert len(kernels) == 4
    for kernel in kernels:
        kernel.assign(3.0 * kernel)
    np.testing.assert_allclose(layer(images), outputs, rtol=1e-3, atol=1e-4)


def test_outputs_of_a_modulated_convolution_have_variance_one_whatever_the_style() -> None:
    images = tf.cast(random(4, 16, 16, 16), tf.float32)
    for gain in (1.0, 3.0):
        layer = ModulatedConv2D(32, 3, gain=gain)
        for scale in (0.1, 1.0, 10.0):
            inner = layer([images, scale * tf.cast(random(4, 6, seed=3), tf.float32)])[:, 1:-1, 1:-1]
            assert float(tf.math.reduce_std(inner)) == pytest.approx(gain, rel=0.1)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5, 7])
def test_enlarged_images_have_twice_the_size_whatever_the_kernel(kernel_size: int) -> None:
    layer = ModulatedConv2D(2, kernel_size, upsample=True)
    inputs = [tf.ones([1, 4, 6, 3]), tf.ones([1, 2])]
    assert layer(inputs).shape == (1, 8, 12, 2) == layer.compute_output_shape([part.shape for part in inputs])


def test_noise_is_fresh_in_training_and_fixed_afterwards() -> None:
    inputs = tf.zeros([3, 2])
    layer = NoiseMaps((4, 3), seed=1)
    fixed, fresh, other = ([part.numpy() for part in layer(inputs, training=training)] for training in (False, True, True))
    assert [part.shape for part in fresh] == [(3, 4, 4, 1), (3, 3, 3, 1)] == layer.compute_output_shape((3, 2))
    for part, again in zip(fixed, layer(inputs), strict=True):
        np.testing.assert_array_equal(part, again)
        np.testing.assert_array_equal(part[0], part[1])
    numbers = np.concatenate([part.ravel() for part in (*fresh, *other)])
    assert len(np.unique(numbers)) == numbers.size
    again = NoiseMaps((4, 3), seed=1)
    again(inputs)
    for run in (None, False, True):
        again.seed_generator.state.assign([1, 0])
        noisy = again if run is None else tf.function(again, jit_compile=run)
        for part, expected in zip(noisy(inputs, training=True), fresh, strict=True):
            np.testing.assert_allclose(part, expected, rtol=1e-6, atol=1e-6)


def test_noise_is_normal() -> None:
    for training in (False, True):
        (noise,) = NoiseMaps((64,), seed=0)(tf.zeros([4, 1]), training=training)
        assert abs(np.mean(noise)) < 0.05
        assert np.std(noise) == pytest.approx(1.0, abs=0.05)


def test_noise_is_added_to_all_channels_times_a_strength_that_begins_at_zero() -> None:
    images, noise = tf.cast(random(2, 4, 4, 3), tf.float32), tf.cast(random(2, 4, 4, 1, seed=1), tf.float32)
    layer = NoiseInput()
    np.testing.assert_array_equal(layer([images, noise]), images)
    layer.strength.assign(2.0)
    np.testing.assert_allclose(layer([images, noise]), images + 2.0 * noise, rtol=1e-6)
    louder = NoiseInput.from_config(NoiseInput(gain=3.0).get_config())
    louder([images, noise])
    louder.strength.assign(2.0)
    np.testing.assert_allclose(louder([images, noise]), images + 6.0 * noise, rtol=1e-6)


def test_a_learned_constant_is_repeated_and_gets_the_sum_of_gradients() -> None:
    layer = LearnedConstant(4, 3)
    with tf.GradientTape() as tape:
        images = layer(tf.ones([5, 2]))
        total = tf.reduce_sum(images)
    assert images.shape == (5, 4, 4, 3)
    np.testing.assert_array_equal(images[0], images[4])
    np.testing.assert_array_equal(tape.gradient(total, layer.constant.value), np.full([1, 4, 4, 3], 5.0))


def small_model() -> Any:
    images, styles = keras.Input((8, 8, 4)), keras.Input((6,))
    (noise,) = NoiseMaps((8,))(styles)
    hidden = NoiseInput()([ModulatedConv2D(8)([LearnedConstant(8, 4)(styles), styles[:, 1:5]]), noise])
    hidden = SelfAttention()(ModulatedConv2D(8)([layers.Add()([hidden, keras.ops.tile(images, [1, 1, 1, 2])]), styles]))
    return keras.Model([images, styles], SkipLayerExcitation()([hidden, images]))


def test_they_are_saved_and_copied(tmp_path: Any) -> None:
    model = small_model()
    inputs = [tf.cast(random(2, 8, 8, 4), tf.float32), tf.cast(random(2, 6), tf.float32)]
    for variable in model.trainable_variables:
        variable.assign(tf.cast(random(*variable.shape), tf.float32))
    model.save(tmp_path / "model.keras")
    for copy in (keras.saving.load_model(tmp_path / "model.keras"), faster(model)):
        np.testing.assert_array_equal(copy(inputs), model(inputs))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_they_compute_in_16_bits(policy: str) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = small_model()
    finally:
        keras.config.set_dtype_policy(before)
    assert all(variable.dtype == "float32" for variable in model.weights)
    outputs = model([tf.cast(random(2, 8, 8, 4), tf.float32), tf.cast(random(2, 6), tf.float32)])
    assert outputs.dtype.name == policy.removeprefix("mixed_")
    assert np.isfinite(tf.cast(outputs, tf.float32)).all()
