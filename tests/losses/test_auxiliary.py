"""Auxiliary losses: classifier, codes, cycles and identity, against NumPy and finite differences."""

import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import gantape as gt
from gantape.losses import AuxiliaryClassifier, CycleConsistency, Identity, MutualInformation

logits_and_labels = st.integers(1, 5).flatmap(
    lambda count: st.tuples(
        arrays.arrays(np.float64, (count, 4), elements=st.floats(-30, 30)),
        arrays.arrays(np.int32, (count,), elements=st.integers(0, 3)),
    )
)
images = st.tuples(*[st.integers(1, 3)] * 4).flatmap(
    lambda shape: st.tuples(*[arrays.arrays(np.float64, shape, elements=st.floats(-1, 1))] * 2)
)


def minus_log_softmax(logits: Any, labels: Any) -> Any:
    """-ln of the share of e to the label's logit."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return -np.log(np.take_along_axis(shares, labels[..., None], -1)[..., 0] / shares.sum(-1))


def slopes(function: Any, start: Any, small: float = 1e-5) -> Any:
    units = np.eye(start.size).reshape(-1, *start.shape)
    return np.array([float(function(start + small * unit) - function(start - small * unit)) / (2 * small) for unit in units])


def gradient(function: Any, start: Any) -> Any:
    point = tf.constant(start)
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = function(point)
    return np.ravel(tape.gradient(value, point))


@given(drawn=logits_and_labels, weight=st.floats(0, 10))
def test_the_classifier_is_a_cross_entropy(drawn: Any, weight: float) -> None:
    logits, labels = drawn
    found = AuxiliaryClassifier(weight)(tf.constant(labels), tf.constant(logits))
    assert found.shape == ()
    assert float(found) == pytest.approx(weight * minus_log_softmax(logits, labels).mean(), rel=1e-9, abs=1e-9)


@given(drawn=logits_and_labels, numbers=arrays.arrays(np.float64, (2, 3, 2), elements=st.floats(-5, 5)))
def test_information_is_bounded_by_log_likelihoods(drawn: Any, numbers: Any) -> None:
    logits, labels = drawn
    terms = MutualInformation(2.0, 0.5)(
        (tf.constant(labels), tf.constant(numbers[0])), (tf.constant(logits), tf.constant(numbers[1]))
    )
    densities = np.exp(-((numbers[0] - numbers[1]) ** 2) / 2.0) / math.sqrt(2.0 * math.pi)
    assert list(terms) == ["categorical_codes", "continuous_codes"]
    assert float(terms["categorical_codes"]) == pytest.approx(
        2.0 * minus_log_softmax(logits, labels).mean(), rel=1e-9, abs=1e-9
    )
    assert float(terms["continuous_codes"]) == pytest.approx(0.5 * -np.log(densities).sum(axis=1).mean(), rel=1e-9)


def test_several_categorical_codes_are_added_up() -> None:
    generator = np.random.default_rng(0)
    logits, codes = generator.normal(size=(6, 3, 4)), generator.integers(0, 4, (6, 3))
    term = MutualInformation()((tf.constant(codes), None), (tf.constant(logits), None))
    assert list(term) == ["categorical_codes"]
    assert float(term["categorical_codes"]) == pytest.approx(minus_log_softmax(logits, codes).sum(axis=1).mean())


def test_codes_that_can_be_read_share_their_entropy() -> None:
    """The bound is reached: H(code) - term = ln 4 for four codes that are as likely."""
    codes = tf.range(4)
    term = MutualInformation()((codes, None), (1e4 * tf.one_hot(codes, 4), None))["categorical_codes"]
    assert math.log(4.0) - float(term) == pytest.approx(math.log(4.0))


@given(drawn=images, weight=st.floats(0, 20))
def test_cycle_and_identity_are_mean_distances(drawn: Any, weight: float) -> None:
    real, made = drawn
    for kind in (CycleConsistency, Identity):
        found = kind(weight)(tf.constant(real), tf.constant(made))
        assert found.shape == ()
        assert float(found) == pytest.approx(weight * np.abs(real - made).mean(), rel=1e-9, abs=1e-12)


def test_defaults_are_those_of_the_papers() -> None:
    assert (CycleConsistency().weight, Identity().weight) == (10.0, 5.0)
    assert (AuxiliaryClassifier().weight, MutualInformation().weight) == (1.0, 1.0)


def test_gradients_are_finite_differences() -> None:
    generator = np.random.default_rng(1)
    logits, labels = generator.normal(size=(3, 4)), tf.constant([0, 3, 1])
    codes, real = tf.constant(generator.normal(size=(3, 4))), tf.constant(generator.normal(size=(3, 4)))
    for function in (
        lambda point: AuxiliaryClassifier()(labels, point),
        lambda point: sum(MutualInformation()((labels, codes), (point, point)).values()),
        lambda point: CycleConsistency()(real, point),
        lambda point: Identity()(real, point),
    ):
        np.testing.assert_allclose(gradient(function, logits), slopes(function, logits), rtol=1e-6, atol=1e-9)


def test_large_logits_are_finite_and_right() -> None:
    logits, labels = tf.constant([[1e4, -1e4], [1e4, -1e4]]), tf.constant([0, 1])
    assert float(AuxiliaryClassifier()(labels, logits)) == 1e4
    assert float(MutualInformation()((labels, None), (logits, None))["categorical_codes"]) == 1e4
    assert np.isfinite(gradient(lambda point: AuxiliaryClassifier()(labels, point), logits.numpy())).all()


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_every_mode_computes_the_same(xla: bool) -> None:
    generator = np.random.default_rng(2)
    labels, one, other = tf.constant([2, 0]), *(tf.constant(generator.normal(size=(2, 3)), tf.float32) for _ in range(2))

    def terms() -> Any:
        information = MutualInformation()((labels, one), (one, other))
        return [
            AuxiliaryClassifier()(labels, one),
            *information.values(),
            CycleConsistency()(one, other),
            Identity()(one, other),
        ]

    np.testing.assert_allclose(tf.function(terms, jit_compile=xla)(), terms(), rtol=1e-6)


def test_half_precision_is_computed_in_single() -> None:
    one, other = tf.constant([[100.0, 300.0]], tf.float16), tf.constant([[-300.0, 0.0]], tf.float16)
    terms = MutualInformation(continuous_weight=1.0)((None, one), (None, other))
    assert float(terms["continuous_codes"]) == pytest.approx(0.5 * (400.0**2 + 300.0**2) + math.log(2.0 * math.pi))
    assert AuxiliaryClassifier()(tf.constant([0]), one).dtype == CycleConsistency()(one, other).dtype == tf.float32


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: AuxiliaryClassifier()(tf.constant([0.0]), tf.zeros([1, 3])), gt.errors.DtypeError),
        (lambda: AuxiliaryClassifier()(tf.constant([0, 1]), tf.zeros([3, 3])), gt.errors.ShapeError),
        (lambda: AuxiliaryClassifier()(tf.constant([[0], [1]]), tf.zeros([2, 3])), gt.errors.ShapeError),
        (lambda: MutualInformation()((None, tf.zeros([2, 1])), (None, tf.zeros([2]))), gt.errors.ShapeError),
        (lambda: MutualInformation()((None, tf.zeros([2, 1])), (tf.zeros([2, 3]), None)), gt.errors.ShapeError),
        (lambda: CycleConsistency()(tf.zeros([2, 4, 4, 1]), tf.zeros([1, 4, 4, 1])), gt.errors.ShapeError),
        (lambda: Identity()(tf.zeros([2, 4, 4, 1]), tf.zeros([2, 4, 4])), gt.errors.ShapeError),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()
