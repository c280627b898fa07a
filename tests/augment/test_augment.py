"""Augmentations: what each does to an image, the same in every mode, with gradients of the first and second order."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from strategies import seeds
from tiny import COMPILED, PointGan, make, points

import gantape as gt
from gantape import augment
from gantape.errors import HyperparameterError, ShapeError

IMAGES = np.random.default_rng(0).uniform(-1.0, 1.0, (6, 8, 10, 2)).astype("float32")
KINDS: dict[str, augment.Augmentation] = {
    "translation": augment.Translation(0.3, fill=-1.0),
    "cutout": augment.Cutout(0.5, fill=0.25),
    "brightness": augment.Brightness(),
    "contrast": augment.Contrast(),
    "instance noise": augment.InstanceNoise(0.1, steps=100),
}


def after(augmentation: augment.Augmentation, seed: int = 0, images: Any = IMAGES) -> np.ndarray:
    return np.asarray(augmentation(tf.constant(images), gt.RandomStreams(seed)))


def shifted(image: np.ndarray, down: int, right: int, fill: float) -> np.ndarray:
    """Out of the way by whole pixels, by NumPy."""
    height, width, _ = image.shape
    padded = np.pad(image, ((height, height), (width, width), (0, 0)), constant_values=fill)
    return padded[height - down : 2 * height - down, width - right : 2 * width - right]


@given(seed=seeds)
def test_a_translation_is_one_of_the_shifts_that_are_allowed(seed: int) -> None:
    for image, found in zip(IMAGES, after(KINDS["translation"], seed), strict=True):
        allowed = [shifted(image, down, right, -1.0) for down in range(-2, 3) for right in range(-3, 4)]
        assert any(np.array_equal(found, candidate) for candidate in allowed)


def test_translations_reach_every_shift() -> None:
    image = np.zeros((2000, 8, 10, 1), "float32")
    image[:, 4, 5] = 1.0
    rows, columns = np.nonzero(after(augment.Translation(0.25), images=image)[..., 0])[1:]
    assert set(rows - 4) == {-2, -1, 0, 1, 2}
    assert set(columns - 5) == {-2, -1, 0, 1, 2}


@given(seed=seeds)
def test_a_cutout_covers_one_rectangle(seed: int) -> None:
    found = after(KINDS["cutout"], seed)
    for image, changed in zip(IMAGES, found, strict=True):
        covered = (changed != image).any(axis=-1)
        rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
        assert (changed[covered] == 0.25).all()
        assert np.array_equal(np.outer(covered.any(axis=1), covered.any(axis=0)), covered)
        assert 1 <= len(rows) == rows[-1] - rows[0] + 1 <= 4
        assert 1 <= len(columns) == columns[-1] - columns[0] + 1 <= 5


@given(seed=seeds)
def test_brightness_adds_one_number_and_contrast_keeps_the_mean(seed: int) -> None:
    added = (after(KINDS["brightness"], seed) - IMAGES).reshape(6, -1)
    assert np.ptp(added, axis=1).max() < 1e-6
    assert np.abs(added).max() <= 0.5
    stretched = after(KINDS["contrast"], seed)
    means = IMAGES.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(stretched.mean(axis=(1, 2, 3)), means, atol=1e-6)
    factors = stretched.std(axis=(1, 2, 3)) / IMAGES.std(axis=(1, 2, 3))
    assert ((factors >= 0.5 - 1e-5) & (factors <= 1.5 + 1e-5)).all()


@pytest.mark.parametrize(("step", "deviation"), [(0, 0.1), (50, 0.05), (100, 0.0), (200, 0.0)])
def test_instance_noise_is_annealed(step: int, deviation: float) -> None:
    images = np.zeros((20, 28, 28, 1), "float32")
    drawn = np.asarray(KINDS["instance noise"](images, gt.RandomStreams(0, step)))
    assert drawn.std() == pytest.approx(deviation, rel=0.03)


def test_instance_noise_can_stay_for_ever() -> None:
    rng = augment.InstanceNoise(0.1, steps=None)
    for step in (0, 1_000_000):
        drawn = np.asarray(rng(np.zeros((20, 28, 28, 1), "float32"), gt.RandomStreams(0, step)))
        assert drawn.std() == pytest.approx(0.1, rel=0.03)
        assert drawn.mean() == pytest.approx(0.0, abs=0.003)


def test_a_traced_step_with_augmentations_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Noisy(PointGan):
        def build_augmentations(self):
            return (augment.InstanceNoise(),)

    gt.Loop(make(Noisy)).run(points(), steps=2)
    assert not [record for record in caplog.records if "AutoGraph" in record.getMessage()]


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_every_mode_augments_alike(xla: bool) -> None:
    def chain(images: Any) -> Any:
        return augment.augmented(images, tuple(KINDS.values()), gt.RandomStreams(3))

    compiled = tf.function(chain, jit_compile=xla)(tf.constant(IMAGES))
    np.testing.assert_allclose(compiled, chain(tf.constant(IMAGES)), atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_pass_through(kind: str) -> None:
    """Finite differences of a sum of squares, whose second derivative a penalty would need."""
    images, direction = tf.constant(IMAGES[:2], tf.float64), np.random.default_rng(1).normal(size=(2, 8, 10, 2))

    def value(images: Any) -> Any:
        return tf.reduce_sum(tf.square(KINDS[kind](images, gt.RandomStreams(1))))

    with tf.GradientTape() as outer:
        outer.watch(images)
        with tf.GradientTape() as inner:
            inner.watch(images)
            total = value(images)
        slope = tf.reduce_sum(inner.gradient(total, images) * direction)
    difference = (value(images + 1e-5 * direction) - value(images - 1e-5 * direction)) / 2e-5
    assert float(slope) == pytest.approx(float(difference), rel=1e-6)
    assert outer.gradient(slope, images) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_whose_size_the_graph_does_not_know_is_augmented_alike(kind: str) -> None:
    augmentation = augment.Adaptive((KINDS[kind],))
    augmentation.probability.assign(0.5)
    augmented = tf.function(
        lambda images: augmentation(images, gt.RandomStreams(0)), input_signature=[tf.TensorSpec([None, *IMAGES.shape[1:]])]
    )
    np.testing.assert_allclose(augmented(IMAGES), after(augmentation), atol=1e-6)


def test_images_are_asked_for() -> None:
    with pytest.raises(ShapeError, match="Translation"):
        augment.Translation()(tf.zeros([4, 2]), gt.RandomStreams(0))


@pytest.mark.parametrize("options", [{"target": 1.0}, {"images": 0}])
def test_adaptive_augmentation_needs_a_target_in_reach(options: dict[str, Any]) -> None:
    with pytest.raises(HyperparameterError):
        augment.Adaptive(KINDS.values(), **options)


def test_the_probability_follows_the_signs_of_real_scores() -> None:
    adaptive = augment.Adaptive((augment.Brightness(),), target=0.5, images=40)
    seen = []
    for scores in ([1.0, 2.0, 3.0, 0.1], [1.0, 1.0, 1.0, 1.0], [-1.0, 1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0], [-1.0] * 4):
        adaptive.observe(tf.constant(scores)[:, None])
        seen.append(float(adaptive.probability.value))
    # A mean of exactly 0.5 changes nothing; p stays between 0 and 1.
    np.testing.assert_allclose(seen, [0.1, 0.2, 0.2, 0.1, 0.0], atol=1e-6)
    adaptive.observe(tf.constant([-1.0]))
    assert float(adaptive.probability.value) == 0.0


def test_the_probability_counts_all_examples_of_a_batch_whose_size_the_graph_does_not_know() -> None:
    adaptive = augment.Adaptive((augment.Brightness(),), target=0.5, images=40)
    observe = tf.function(adaptive.observe, input_signature=[tf.TensorSpec([None, 1])])
    for count, expected in ((4, 0.1), (6, 0.25)):
        observe(tf.ones([count, 1]))
        np.testing.assert_allclose(adaptive.probability.value, expected, atol=1e-6)


def test_the_probability_is_the_share_of_examples_that_are_changed() -> None:
    adaptive = augment.Adaptive((augment.Brightness(),))
    images = np.zeros((2000, 1, 1, 1), "float32")
    for probability in (0.0, 0.3, 1.0):
        adaptive.probability.assign(probability)
        changed = np.asarray(adaptive(images, gt.RandomStreams(2))) != 0.0
        assert changed.mean() == pytest.approx(probability, abs=0.04)


class Shaken(PointGan):
    """Points that are shaken before the discriminator sees them, with a probability that is steered."""

    def build_augmentations(self):
        return (augment.Adaptive((augment.InstanceNoise(1.0, steps=50),), target=-0.99, images=100),)


@pytest.mark.parametrize("mode", ["eager", *COMPILED])
def test_the_probability_is_a_variable_of_the_task_moved_in_every_step(mode: Any) -> None:
    task = make(Shaken)
    (adaptive,) = task.augmentations
    assert any(variable is adaptive.probability for variable in task.variables)
    gt.Loop(task, compiler=gt.StepCompiler(mode)).run(points(), steps=5)
    assert float(adaptive.probability.value) == pytest.approx(5 * 4 / 100)


def test_both_networks_play_with_augmented_examples() -> None:
    """With all examples replaced by one number the discriminator can say nothing: its scores of both kinds are equal."""

    class Blind(augment.Augmentation):
        def __call__(self, examples: Any, rng: gt.RandomStreams) -> Any:
            return 0.0 * examples + 0.5

    class Blinded(PointGan):
        def build_augmentations(self):
            return (Blind(),)

    for joint in (False, True):
        task = make(Blinded, joint_batch=joint)
        batch = tf.ones([4, 2])
        losses = task.discriminator_loss(batch, gt.RandomStreams(0))
        scores = [np.asarray(losses.metrics[name][0]) for name in ("real_score", "fake_score")]
        assert np.array_equal(*scores)
        with tf.GradientTape() as tape:
            total = task.generator_loss(batch, gt.RandomStreams(0)).total
        gradients = tape.gradient(total, task.generator.trainable_variables)
        assert all(np.abs(gradient).max() == 0.0 for gradient in gradients)
