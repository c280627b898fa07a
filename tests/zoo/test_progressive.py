"""The growing GAN: what is faded in, what a phase takes over, its terms, training in every mode, and resumed runs."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape import zoo
from gantape.layers import FadeIn
from gantape.losses import DiscriminatorOutput
from gantape.testing import assert_modes_agree, assert_resumes_exactly
from gantape.zoo.progressive import Drift, blurred

SMALL: dict[str, Any] = {"final_size": 16, "width": 2, "widest": 4, "latent_size": 4}


def images(*shape: int) -> Any:
    return np.random.default_rng(0).uniform(-1.0, 1.0, size=shape).astype(np.float32)


def phase(size: int, **options: Any) -> Any:
    return zoo.ProgressiveGAN(image_size=size, **{**SMALL, **options})


def enlarged(x: Any) -> Any:
    return np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)


def reduced(x: Any) -> Any:
    count, height, width, channels = x.shape
    return x.reshape(count, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))


def set_alpha(task: Any, alpha: float) -> None:
    for model in (task.generator, task.averaged_generator, task.discriminator):
        model.get_layer(f"fade_{task.image_size}").alpha.assign(alpha)


def trained(task: Any, steps: int = 2) -> Any:
    data = gt.data.from_arrays(images(8, task.image_size, task.image_size, task.channels), batch_size=4)
    gt.Loop(task, compiler=gt.StepCompiler("eager"), progress=False).run(data, steps=steps)
    return task


@pytest.mark.parametrize(("size", "channels"), [(4, 1), (8, 3), (16, 3)])
def test_the_depth_follows_the_size(size: int, channels: int) -> None:
    task = phase(size, channels=channels)
    made = task.generate(task.latents(3, gt.RandomStreams(0)))
    assert made.shape == (3, size, size, channels)
    assert task.discriminator(made).shape == (3, 1)
    convolutions = [layer.name for layer in task.generator.layers if layer.name.startswith("second_")]
    assert convolutions == [f"second_{2**doubling}" for doubling in range(2, size.bit_length())]


def test_at_first_both_networks_are_those_of_the_phase_before() -> None:
    """Images are the enlarged ones of the smaller generator, scores those of the halved images, exactly."""
    before = trained(phase(8, fade_steps=1))
    grown = phase(16)
    grown.start_from(before)
    latents, larger = images(3, 4), images(4, 16, 16, 3)
    for part in ("generator", "averaged_generator"):
        made = getattr(before, part)(latents).numpy()
        assert np.ptp(made) > 0.0
        np.testing.assert_array_equal(getattr(grown, part)(latents), enlarged(made))
    np.testing.assert_array_equal(
        grown.discriminator(larger), before.discriminator(keras.ops.average_pool(larger, 2, 2, "valid"))
    )


def test_at_last_both_networks_are_those_without_a_fade() -> None:
    fading, grown = phase(16), phase(16, fade_steps=0)
    assert not any(isinstance(layer, FadeIn) for layer in grown.generator.layers + grown.discriminator.layers)
    for part in ("generator", "discriminator"):
        known = {layer.name: layer for layer in getattr(fading, part).layers}
        for layer in getattr(grown, part).layers:
            if layer.weights:
                layer.set_weights(known[layer.name].get_weights())
    set_alpha(fading, 1.0)
    latents, larger = images(3, 4), images(4, 16, 16, 3)
    np.testing.assert_array_equal(fading.generator(latents), grown.generator(latents))
    np.testing.assert_array_equal(fading.discriminator(larger), grown.discriminator(larger))


def test_in_between_images_are_means_of_both() -> None:
    task, latents, made = phase(8), images(3, 4), {}
    for alpha in (0.0, 0.25, 1.0):
        set_alpha(task, alpha)
        made[alpha] = task.generate(latents).numpy()
    assert np.abs(made[1.0] - made[0.0]).max() > 0.01
    np.testing.assert_allclose(made[0.25], 0.75 * made[0.0] + 0.25 * made[1.0], rtol=1e-5, atol=1e-6)


def test_alpha_rises_with_the_steps_in_all_networks_and_real_images_follow() -> None:
    task, seen = phase(8, fade_steps=4), []
    real = images(4, 8, 8, 3)
    discriminator = task.discriminator

    for step in (0, 1, 3, 4, 9):
        losses = task.discriminator_loss(tf.constant(real), gt.RandomStreams(0, step))
        alphas = [model.get_layer("fade_8").alpha.numpy() for model in (task.generator, task.averaged_generator, discriminator)]
        seen.append(alphas)
        share = min(step / 4, 1.0)
        scores = discriminator((1.0 - share) * enlarged(reduced(real)) + share * real, training=True)
        np.testing.assert_allclose(losses.metrics["real_score"][0], scores, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(seen, [[min(step / 4, 1.0)] * 3 for step in (0, 1, 3, 4, 9)])


def test_images_are_blurred_by_means_of_four() -> None:
    x = images(2, 8, 8, 3)
    np.testing.assert_allclose(blurred(tf.constant(x)), enlarged(reduced(x)), rtol=1e-5, atol=1e-6)


def test_scores_of_real_images_drift_to_zero() -> None:
    scores = images(4, 1)
    real, fake = (DiscriminatorOutput(tf.constant(s * scores), (), tf.zeros([4])) for s in (2.0, 5.0))
    term = Drift(0.5).discriminator(real, fake, gt.RandomStreams(0))["drift"]
    assert float(term) == pytest.approx(0.5 * np.mean(4.0 * scores**2), rel=1e-6)
    assert "drift" not in phase(8, drift=0.0).discriminator_loss(tf.constant(images(4, 8, 8, 3)), gt.RandomStreams(0)).terms


def test_a_phase_takes_over_all_that_both_have_and_nothing_else() -> None:
    before, grown = trained(phase(4)), phase(8)
    set_alpha(grown, 0.5)
    kept = {layer.name: [np.copy(value) for value in layer.get_weights()] for layer in grown.discriminator.layers}
    grown.start_from(before)
    for layer in grown.discriminator.layers:
        known = {other.name: other for other in before.discriminator.layers if other.weights}
        expected = known[layer.name].get_weights() if layer.name in known else kept[layer.name]
        for one, other in zip(layer.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    names = {layer.name for layer in before.discriminator.layers if layer.weights}
    assert names == {"from_colours_4", "first_4", "dense_4", "score"}


@pytest.mark.parametrize("options", [{"size": 4}, {"size": 8, "width": 4}, {"size": 8, "channels": 1}])
def test_other_phases_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(gt.errors.HyperparameterError, match="not the phase before"):
        phase(16).start_from(phase(**options))


@pytest.mark.parametrize("options", [{"size": 2}, {"size": 12}, {"size": 8, "final_size": 24}, {"size": 32}])
def test_other_sizes_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(gt.errors.HyperparameterError, match="ProgressiveGAN"):
        phase(**options)


@pytest.mark.parametrize(
    "mode", ["graph", pytest.param("xla", marks=pytest.mark.slow), pytest.param("xla-loop", marks=pytest.mark.slow)]
)
def test_it_trains_alike_in_every_mode(mode: Any) -> None:
    found = []
    for compiled in ("eager", mode):
        keras.utils.set_random_seed(3)
        task = phase(8, fade_steps=2)
        loop = gt.Loop(task, compiler=gt.StepCompiler(compiled), seed=1, progress=False)
        history = loop.run(gt.data.from_arrays(images(16, 8, 8, 3), batch_size=4), steps=3, record=gt.every(steps=1))
        alphas = [model.get_layer("fade_8").alpha.numpy() for model in (task.generator, task.averaged_generator)]
        assert alphas == [1.0, 1.0]
        found.append(history.values("discriminator/loss") + history.values("generator/loss"))
    np.testing.assert_allclose(found[1], found[0], rtol=2e-3, atol=1e-4)


@pytest.mark.slow
def test_its_modes_are_certified() -> None:
    data = gt.data.from_arrays(images(16, 8, 8, 3), batch_size=4)
    assert_modes_agree(lambda: phase(8, fade_steps=2), data, modes=("eager", "graph"))


@pytest.mark.slow
def test_it_resumes_exactly_in_the_middle_of_a_fade() -> None:
    data = gt.data.from_arrays(images(8, 8, 8, 3), batch_size=4)
    assert_resumes_exactly(lambda: phase(8, fade_steps=5), data, steps=4, stops=(2,), compiler=gt.StepCompiler("eager"))
