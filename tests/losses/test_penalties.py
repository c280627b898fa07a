"""Gradient penalties against closed forms, NumPy and finite differences."""

import math
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import gantape as gt
from gantape.losses import R1, R2, BalancedConsistency, DraganPenalty, GradientPenalty, Penalty, squared_gradient_norms

NOISE = gt.RandomStreams(9)
EPSILON = 1e-10
KINDS: dict[str, Penalty] = {
    "two-sided": GradientPenalty(),
    "one-sided": GradientPenalty(weight=3.0, one_sided=True),
    "r1": R1(),
    "r2": R2(weight=2.0),
    "dragan": DraganPenalty(),
    "one-sided dragan": DraganPenalty(weight=3.0, one_sided=True),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@attrs.frozen(eq=False)
class Linear:
    """D(x) = w·x."""

    weights: Any

    def __call__(self, examples: Any, training: bool) -> Any:
        assert training
        return tf.reduce_sum(self.weights * examples, axis=list(range(1, len(examples.shape))))


@attrs.frozen(eq=False)
class Bowl:
    """D(x) = ½ x·Ax for a symmetric A, so that ∇D(x) = Ax."""

    matrix: Any

    def __call__(self, examples: Any, training: bool) -> Any:
        return 0.5 * tf.reduce_sum(examples * (examples @ self.matrix), axis=1, keepdims=True)


def network(kernels: tuple[Any, Any]) -> Any:
    """D(x) = tanh(x K₁) K₂."""
    return lambda examples, training: tf.tanh(examples @ kernels[0]) @ kernels[1]


def expected(kind: str, at_mixed: Any, at_real: Any, at_fake: Any, around_real: Any) -> float:
    """A penalty from the squared norms at the four places where it may look."""
    mixed, around = (np.sqrt(squares + EPSILON) - 1.0 for squares in (at_mixed, around_real))
    return {
        "two-sided": 10.0 * np.mean(mixed**2),
        "one-sided": 3.0 * np.mean(np.maximum(mixed, 0.0) ** 2),
        "r1": 5.0 * np.mean(at_real),
        "r2": 1.0 * np.mean(at_fake),
        "dragan": 10.0 * np.mean(around**2),
        "one-sided dragan": 3.0 * np.mean(np.maximum(around, 0.0) ** 2),
    }[kind]


@every_kind
def test_the_penalty_of_a_linear_discriminator_is_known(kind: str) -> None:
    @given(weights=arrays.arrays(np.float64, st.sampled_from([(3,), (2, 2), (2, 3, 1)]), elements=st.floats(-3, 3)))
    def law(weights: Any) -> None:
        square = np.sum(weights**2)
        images = tf.constant(np.random.default_rng(0).normal(size=(5, *weights.shape)))
        found = KINDS[kind](Linear(tf.constant(weights)), images, -images, NOISE)
        assert found.shape == ()
        assert float(found) == pytest.approx(expected(kind, *[square] * 4), rel=1e-9, abs=1e-12)

    law()


@every_kind
def test_the_penalty_is_that_of_numpy(kind: str) -> None:
    generator = np.random.default_rng(2)
    root, real, fake = (generator.normal(size=shape) for shape in ((4, 4), (6, 4), (6, 4)))
    matrix = 0.3 * (root + root.T)
    share = NOISE.uniform("mix", [6, 1]).numpy()
    around = real + 0.5 * real.std() * NOISE.uniform("around", [6, 4]).numpy()
    places = (share * real + (1.0 - share) * fake, real, fake, around)
    squares = [np.sum((points @ matrix) ** 2, axis=1) for points in places]
    penalty = KINDS[kind](Bowl(tf.constant(matrix)), tf.constant(real), tf.constant(fake), NOISE)
    assert float(penalty) == pytest.approx(expected(kind, *squares), rel=1e-9)


def test_each_example_has_a_norm_of_its_own() -> None:
    points = np.random.default_rng(3).normal(size=(7, 4))
    norms = squared_gradient_norms(Bowl(tf.eye(4, dtype=tf.float64)), tf.constant(points))
    np.testing.assert_allclose(norms, np.sum(points**2, axis=1), rtol=1e-12)


@every_kind
def test_a_gradient_of_zero_has_a_finite_penalty_with_finite_gradients(kind: str) -> None:
    weights = tf.zeros([3])
    with tf.GradientTape() as tape:
        tape.watch(weights)
        penalty = KINDS[kind](Linear(weights), tf.ones([4, 3]), tf.zeros([4, 3]), NOISE)
    assert float(penalty) == pytest.approx(expected(kind, *[0.0] * 4), rel=1e-6)
    assert np.isfinite(tape.gradient(penalty, weights)).all()


def test_the_one_sided_penalty_lets_small_gradients_be() -> None:
    weights = tf.constant([0.6, 0.7])
    assert float(GradientPenalty(one_sided=True)(Linear(weights), tf.ones([2, 2]), tf.zeros([2, 2]), NOISE)) == 0.0
    excess = math.sqrt(0.85) - 1.0
    assert float(GradientPenalty()(Linear(weights), tf.ones([2, 2]), tf.zeros([2, 2]), NOISE)) == pytest.approx(10 * excess**2)


def kernels_and_points() -> tuple[Any, Any, Any, Any]:
    generator = np.random.default_rng(4)
    return tuple(generator.normal(size=shape) for shape in ((3, 5), (5, 1), (4, 3), (4, 3)))


@every_kind
def test_second_derivatives_are_finite_differences(kind: str) -> None:
    first, second, real, fake = kernels_and_points()

    def penalty(flat: Any) -> Any:
        kernels = tf.reshape(flat[:15], [3, 5]), tf.reshape(flat[15:], [5, 1])
        return KINDS[kind](network(kernels), tf.constant(real), tf.constant(fake), NOISE)

    start, small = np.concatenate([first.ravel(), second.ravel()]), 1e-6
    point = tf.constant(start)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = penalty(point)
    slopes = [float(penalty(start + small * unit) - penalty(start - small * unit)) / (2.0 * small) for unit in np.eye(20)]
    np.testing.assert_allclose(tape.gradient(value, point), slopes, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
@every_kind
def test_every_mode_computes_the_same(kind: str, xla: bool) -> None:
    first, second, real, fake = (tf.constant(array, tf.float32) for array in kernels_and_points())

    def value_and_gradient(first: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(first)
            value = KINDS[kind](network((first, second)), real, fake, NOISE)
        return value, tape.gradient(value, first)

    # Float32, in which each gradient sums some tens of products.
    for one, other in zip(value_and_gradient(first), tf.function(value_and_gradient, jit_compile=xla)(first), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("kind", ["r1", "r2"])  # the mix of the others belongs to places in the batch
def test_the_order_of_a_batch_does_not_matter(kind: str) -> None:
    first, second, real, fake = map(tf.constant, kernels_and_points())
    one = KINDS[kind](network((first, second)), real, fake, NOISE)
    other = KINDS[kind](network((first, second)), real[::-1], fake[::-1], NOISE)
    np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@every_kind
def test_half_precision_does_not_overflow(kind: str, dtype: str) -> None:
    weights = tf.fill([4, 4, 1], tf.constant(200.0, dtype))
    penalty = KINDS[kind](Linear(weights), tf.ones([2, 4, 4, 1], dtype), tf.zeros([2, 4, 4, 1], dtype), NOISE)
    assert penalty.dtype == tf.float32
    assert float(penalty) == pytest.approx(expected(kind, *[16 * 200.0**2] * 4), rel=1e-6)


@every_kind
def test_examples_may_have_another_float_type_than_keras(kind: str) -> None:
    keras.config.set_floatx("float64")
    images = tf.ones([2, 3], tf.float32)
    assert KINDS[kind](Linear(tf.ones([3])), images, -images, NOISE).dtype == tf.float32


def test_the_weight_is_a_factor_and_the_names_differ() -> None:
    images = tf.ones([2, 3])
    penalties = (GradientPenalty(), DraganPenalty(), R1(), R2())
    for penalty in penalties:
        doubled = attrs.evolve(penalty, weight=20.0)
        one, other = (kind(Linear(tf.ones([3])), images, -images, NOISE) for kind in (penalty, doubled))
        assert float(other) == pytest.approx(2.0 * float(one))
    assert [penalty.name for penalty in penalties] == ["gradient_penalty", "dragan_penalty", "r1", "r2"]


def shift(images: Any, rng: gt.RandomStreams) -> Any:
    """An augmentation: each example is moved by a vector of its own."""
    return images + tf.cast(rng.uniform("shift", images.shape), images.dtype)


def test_the_consistency_of_a_linear_discriminator_is_known() -> None:
    """D(T(x)) - D(x) = w·(T(x) - x), whatever x is: other moves for real and for generated examples."""
    generator = np.random.default_rng(5)
    weights, real, fake = (generator.normal(size=shape) for shape in ((3,), (6, 3), (4, 3)))
    moves = [NOISE.stream(kind).uniform("shift", [count, 3]).numpy() for kind, count in (("real", 6), ("fake", 4))]
    wanted = 2.0 * np.mean((moves[0] @ weights) ** 2) + 7.0 * np.mean((moves[1] @ weights) ** 2)
    penalty = BalancedConsistency(shift, real_weight=2.0, fake_weight=7.0)
    assert penalty.name == "consistency"
    found = penalty(Linear(tf.constant(weights)), tf.constant(real), tf.constant(fake), NOISE)
    assert float(found) == pytest.approx(wanted, rel=1e-9)


def test_what_an_augmentation_leaves_alone_costs_nothing() -> None:
    still = BalancedConsistency(lambda images, rng: images)
    assert float(still(Linear(tf.constant([1e4, -1e4])), tf.ones([2, 2]), tf.zeros([2, 2]), NOISE)) == 0.0


def test_the_consistency_is_differentiated_through_both_scores() -> None:
    """With D(x) = w·x and T(x) = -x, the penalty is λ · mean (2 w·x)²."""
    weights, real = tf.constant([0.5, -1.0]), tf.constant([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(weights)
        penalty = BalancedConsistency(lambda images, rng: -images, fake_weight=0.0)
        value = penalty(Linear(weights), real, real, NOISE)
    assert float(value) == pytest.approx(10.0 * 9.0)
    np.testing.assert_allclose(tape.gradient(value, weights), 10.0 * 8.0 * -1.5 * real[0], rtol=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda: GradientPenalty()(Linear(tf.ones([3])), tf.ones([4, 3]), tf.ones([1, 3]), NOISE),
        lambda: BalancedConsistency(lambda images, rng: images[:1])(Linear(tf.ones([3])), *[tf.ones([4, 3])] * 2, NOISE),
    ],
    ids=["real and fake", "augmented"],
)
def test_examples_that_are_paired_have_one_shape(call: Any) -> None:
    with pytest.raises(gt.errors.ShapeError, match="do not have the same shape"):
        call()
