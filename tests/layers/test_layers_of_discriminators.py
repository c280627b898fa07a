"""Spectral norm, minibatch deviation and packs: against NumPy, saved and loaded, and in compiled steps."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import PointGan, make, points

import gantape as gt
from gantape.errors import TaskError
from gantape.layers import MinibatchDeviation, Pack, SpectralNorm, faster

layers = keras.layers
KERNELS = {
    "dense": (lambda: layers.Dense(3), (5,)),
    "convolution": (lambda: layers.Conv2D(3, 2), (4, 4, 2)),
    "transposed": (lambda: layers.Conv2DTranspose(3, 2), (4, 4, 2)),
}


def values(shape: tuple[int, ...], seed: int = 0) -> Any:
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def largest_singular_value(kernel: Any) -> float:
    return float(np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])), compute_uv=False)[0])


@pytest.mark.parametrize("kind", KERNELS)
def test_a_kernel_is_used_divided_by_its_largest_singular_value(kind: str) -> None:
    make_layer, shape = KERNELS[kind]
    normed, inputs = SpectralNorm(make_layer(), rounds=30), values((2, *shape))
    normed(inputs)
    kernel = normed.layer.kernel.numpy()
    plain = make_layer()
    plain.build(inputs.shape)
    plain.kernel.assign(kernel / largest_singular_value(kernel))
    np.testing.assert_allclose(normed(inputs, training=True), plain(inputs), rtol=1e-4, atol=1e-5)


def test_weights_stay_and_the_power_iteration_comes_nearer_in_each_pass() -> None:
    normed, inputs = SpectralNorm(layers.Dense(6)), values((2, 8))
    normed(inputs)
    generator = np.random.default_rng(3)
    left, right = (np.linalg.qr(generator.normal(size=(size, 6)))[0] for size in (8, 6))
    normed.layer.kernel.assign(left @ np.diag([3.0, 2.0, 1.0, 1.0, 0.5, 0.1]) @ right.T)
    kernel, vector = normed.layer.kernel.numpy(), normed.vector.numpy()
    normed(inputs, training=False)
    assert np.array_equal(normed.vector.numpy(), vector)
    estimates = []
    for _ in range(30):
        normed(inputs, training=True)
        estimates.append(np.linalg.norm(kernel @ normed.vector.numpy().T))
    assert np.array_equal(normed.layer.kernel.numpy(), kernel)
    assert (np.diff(estimates) > -1e-5).all()
    assert estimates[-1] == pytest.approx(3.0, rel=1e-3)


def test_the_gradient_goes_through_the_singular_value() -> None:
    """Scaling W changes nothing that comes out, so that the gradient is at right angles to W: Σ W ∂/∂W = 0."""
    normed, inputs = SpectralNorm(layers.Dense(3, use_bias=False), rounds=20), values((4, 5))
    normed(inputs)
    kernel = normed.layer.kernel
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(kernel.value)
        loss = tf.reduce_sum(tf.square(normed(inputs, training=True)))
    gradient = tape.gradient(loss, kernel.value)
    assert float(tf.norm(gradient)) > 0.1
    assert abs(float(tf.reduce_sum(gradient * kernel.value))) < 1e-4


def test_a_layer_without_a_kernel_is_refused() -> None:
    with pytest.raises(TaskError, match="SpectralNorm"):
        SpectralNorm(layers.ReLU())(values((2, 3)))


def test_minibatch_deviation_is_numpys() -> None:
    images = values((6, 2, 3, 4))
    made = MinibatchDeviation(group=3)(images)
    assert made.shape == (6, 2, 3, 5)
    assert np.array_equal(made[..., :4], images)
    groups = np.reshape(images, (3, 2, 2, 3, 4))
    expected = np.sqrt(groups.var(axis=0) + 1e-8).mean(axis=(1, 2, 3))
    for example in range(6):
        np.testing.assert_allclose(made[example, ..., 4], expected[example % 2], rtol=1e-5)


def test_examples_that_are_all_alike_have_no_deviation_and_finite_gradients() -> None:
    images = tf.ones([4, 2, 2, 1])
    with tf.GradientTape() as tape:
        tape.watch(images)
        channel = MinibatchDeviation()(images)[..., 1]
        total = tf.reduce_sum(channel)
    assert float(tf.reduce_max(channel)) == pytest.approx(1e-4, rel=1e-3)
    assert np.isfinite(tape.gradient(total, images)).all()


@pytest.mark.parametrize(("count", "group"), [(6, 3), (2, 2), (5, 1)])
def test_groups_are_as_large_as_divide_a_batch(count: int, group: int) -> None:
    images = values((count, 2, 2, 1))
    assert np.array_equal(MinibatchDeviation(4)(images), MinibatchDeviation(group)(images))


def test_replicas_form_the_groups_of_a_batch_in_another_order() -> None:
    """A replica groups its own part: what one device would, if the two parts took turns in its batch."""
    images = np.asarray(values((8, 2, 2, 3)))
    in_turn = np.arange(8).reshape(2, 4).T.ravel()
    parts = np.concatenate([MinibatchDeviation()(part) for part in np.split(images, 2)])
    whole = MinibatchDeviation()
    np.testing.assert_allclose(parts[in_turn], whole(images[in_turn]), rtol=1e-6)
    assert not np.allclose(parts, whole(images), rtol=1e-2)


def test_a_pack_holds_examples_on_its_channels() -> None:
    images = np.arange(6.0 * 2 * 2 * 3).reshape(6, 2, 2, 3).astype("float32")
    packs = Pack(2)(images)
    assert packs.shape == (3, 2, 2, 6)
    for pack in range(3):
        assert np.array_equal(packs[pack], np.concatenate([images[pack], images[pack + 3]], axis=-1))
    assert Pack(3)(images[:, 0, 0]).shape == (2, 9)
    with pytest.raises(RuntimeError, match="not a whole number of packs"):  # Keras wraps what a layer raises
        Pack(4)(images)


def test_they_are_saved_and_copied(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            Pack(2),
            SpectralNorm(layers.Conv2D(3, 3, strides=2, padding="same"), rounds=2),
            MinibatchDeviation(2),
            layers.Conv2D(2, 3),
            layers.Flatten(),
            SpectralNorm(layers.Dense(1)),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    images = values((4, 8, 8, 1))
    for copy in (loaded, faster(model)):
        np.testing.assert_allclose(copy(images), model(images), rtol=1e-5, atol=1e-6)
    assert loaded.layers[1].rounds == 2


class NormedGan(PointGan):
    """Points from a discriminator with spectral norm and packs of two, whose gradient is penalised: five passes in a step."""

    def build_discriminator(self):
        hidden = [Pack(2), SpectralNorm(layers.Dense(8)), layers.LeakyReLU(negative_slope=0.2)]
        return keras.Sequential([keras.Input((2,)), *hidden, SpectralNorm(layers.Dense(1))])


@pytest.mark.parametrize("mode", ["graph", "xla", "xla-loop"])
def test_spectral_norm_plays_in_every_mode_as_in_eager_code(mode: Any) -> None:
    found = []
    for chosen in ("eager", mode):
        task = make(NormedGan, penalised=True, learning_rate=1e-3)
        gt.Loop(task, compiler=gt.StepCompiler(chosen, max_traces=1)).run(points(), steps=2)
        found.append(task.discriminator.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
