"""Adversarial losses against NumPy in float64, finite differences, and what holds for every loss."""

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from loss_references import REFERENCES
from strategies import scores

import gantape as gt
from gantape import losses

NOISE = gt.RandomStreams(5)
PAIRED = {"pairing"}
every_loss = pytest.mark.parametrize("name", REFERENCES)


def draw(name: str, shape: Any) -> Any:
    return NOISE.uniform(name, shape).numpy()


def assert_means(terms: Any, expected: dict[str, Any], size: float = 0.0) -> None:
    """Means of float32, whose rounding errors are relative to the mean of the absolute values.

    Where scores are subtracted from one another, the rounding errors are relative to their size.
    """
    assert list(terms) == list(expected)
    for name, values in expected.items():
        assert terms[name].shape == ()
        assert abs(float(terms[name]) - values.mean()) <= 1e-6 * (1.0 + np.abs(values).mean() + size)


def assert_matches(name: str, real: Any, fake: Any) -> None:
    """The terms of both networks are those of NumPy."""
    reference, given_real = REFERENCES[name], None
    size = 0.0
    if reference.loss.generator_sees_real:
        given_real, size = tf.constant(real), float(max(np.abs(real).max(), np.abs(fake).max()))
    exact = real.astype(np.float64), fake.astype(np.float64)
    terms = reference.loss.discriminator(tf.constant(real), tf.constant(fake), NOISE)
    assert_means(terms, reference.discriminator(*exact, draw), size)
    assert_means(reference.loss.generator(given_real, tf.constant(fake), NOISE), reference.generator(*exact), size)


@every_loss
def test_a_loss_is_the_mean_of_its_formula(name: str) -> None:
    @given(data=st.data(), real=scores())
    def law(data: st.DataObject, real: Any) -> None:
        count = len(real) if name in PAIRED else data.draw(st.integers(1, 5))
        fake = data.draw(arrays.arrays(np.float32, (count, *real.shape[1:]), elements=st.floats(-50, 50, width=32)))
        assert_matches(name, real, fake)

    law()


@every_loss
def test_large_scores_give_finite_and_right_losses_and_gradients(name: str) -> None:
    loss = REFERENCES[name].loss
    real, fake = np.array([[1e4], [-1e4], [0.0]], np.float32), np.array([[-1e4], [1e4], [2.0]], np.float32)
    assert_matches(name, real, fake)
    variables = tf.constant(real), tf.constant(fake)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(variables)
        totals = [sum(of_network(*variables, NOISE).values()) for of_network in (loss.discriminator, loss.generator)]
    for total in totals:
        for gradient in tape.gradient(total, variables, unconnected_gradients="zero"):
            assert np.isfinite(gradient).all()
            assert np.abs(gradient).max() <= 1e4


@every_loss
def test_gradients_are_finite_differences(name: str) -> None:
    keras.config.set_floatx("float64")
    loss = REFERENCES[name].loss

    # Away from the corners of the hinge at ±1, and from ties of the highest scores.
    sides = st.sampled_from([-1.0, 1.0, 4.0])
    far = st.builds(lambda side, share: side * share, sides, st.floats(0.1, 0.9))
    corners = {
        "hinge": lambda r, g: np.concatenate([r, g]),
        "average hinge": lambda r, g: np.concatenate([r - g.mean(), g - r.mean()]),
    }

    @given(
        numbers=arrays.arrays(np.float64, 8, elements=far).filter(
            lambda drawn: (
                np.diff(np.sort(drawn[4:])).min() > 1e-3
                and (name not in corners or np.abs(np.abs(corners[name](drawn[:4], drawn[4:])) - 1.0).min() > 1e-3)
            )
        )
    )
    def law(numbers: Any) -> None:
        small, start = 1e-5, numbers[:, None]
        for of_network in (loss.discriminator, loss.generator):

            def function(scores: Any, of_network: Any = of_network) -> Any:
                return sum(of_network(scores[:4], scores[4:], NOISE).values())

            with tf.GradientTape() as tape:
                point = tf.constant(start)
                tape.watch(point)
                value = function(point)
            slopes = [
                float(function(tf.constant(start + small * unit)) - function(tf.constant(start - small * unit))) / (2 * small)
                for unit in np.eye(8).reshape(8, 8, 1)
            ]
            np.testing.assert_allclose(tf.squeeze(tape.gradient(value, point), 1), slopes, rtol=1e-6, atol=1e-8)

    settings(max_examples=10)(law)()


# Noise belongs to places in the batch.
@pytest.mark.parametrize(
    "name", [name for name in REFERENCES if name not in ("noisy labels", "label noise", "smoothing of label noise")]
)
def test_the_order_of_a_batch_does_not_matter(name: str) -> None:
    loss = REFERENCES[name].loss
    real, fake, order = np.random.default_rng(1).normal(size=(3, 32)).astype(np.float32)
    order = np.argsort(order)
    for of_network in (loss.discriminator, loss.generator):
        one, other = of_network(real, fake, NOISE), of_network(real[order], fake[order], NOISE)
        for name in one:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-5)


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
@every_loss
def test_every_mode_computes_the_same(name: str, xla: bool) -> None:
    loss = REFERENCES[name].loss
    real, fake = tf.constant([[0.3], [-2.0]]), tf.constant([[1.5], [0.2]])

    def play() -> Any:
        return loss.discriminator(real, fake, NOISE), loss.generator(real, fake, NOISE)

    for one, other in zip(play(), tf.function(play, jit_compile=xla)(), strict=True):
        for name, term in one.items():
            np.testing.assert_allclose(other[name], term, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@every_loss
def test_scores_may_have_another_float_type_than_keras(name: str, dtype: str) -> None:
    """Terms are in float32 at least: what float16 holds of a square of 1000 is infinity."""
    reference = REFERENCES[name]
    real, fake = np.array([[0.25], [-1000.0]]), np.array([[1024.0], [0.5]])
    scores = tf.constant(real, dtype), tf.constant(fake, dtype)
    for terms, expected in (
        (reference.loss.discriminator(*scores, NOISE), reference.discriminator(real, fake, draw)),
        (reference.loss.generator(*scores, NOISE), reference.generator(real, fake)),
    ):
        for name, values in expected.items():
            assert terms[name].dtype == ("float64" if dtype == "float64" else "float32")
            np.testing.assert_allclose(terms[name], values.mean(), rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("name", [name for name, reference in REFERENCES.items() if reference.loss.generator_sees_real])
def test_a_relativistic_loss_knows_differences_only(name: str) -> None:
    """Adding a number to all scores changes nothing, and a generator needs the scores of real examples."""
    loss = REFERENCES[name].loss
    real, fake = tf.constant([[0.5], [-2.0]]), tf.constant([[1.5], [0.25]])
    for of_network in (loss.discriminator, loss.generator):
        for name, term in of_network(real, fake, NOISE).items():
            np.testing.assert_allclose(of_network(real + 8.0, fake + 8.0, NOISE)[name], term, rtol=1e-6)
    with pytest.raises(gt.errors.LossError, match="needs the scores of real examples"):
        loss.generator(None, fake, NOISE)


@pytest.mark.parametrize("shape", [(3, 1), (2,), (2, 1, 1)])
def test_pairs_have_one_shape(shape: tuple[int, ...]) -> None:
    """Broadcasting would pair every example with every other, silently."""
    loss = losses.RelativisticPairing()
    for of_network in (loss.discriminator, loss.generator):
        with pytest.raises(gt.errors.ShapeError, match="do not have the same shape"):
            of_network(tf.zeros([2, 1]), tf.zeros(shape), NOISE)


def test_the_best_score_of_a_smoothed_target_is_finite() -> None:
    """Where clean targets always ask for more, a target t asks for ln(t / (1 - t))."""
    best = tf.constant([math.log(0.9 / 0.1)])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(best)
        clean = losses.NonSaturating().discriminator(best, best, NOISE)["real"]
        smoothed = losses.OneSidedSmoothing(losses.NonSaturating()).discriminator(best, best, NOISE)["real"]
    assert float(tape.gradient(clean, best)[0]) == pytest.approx(-0.1)
    assert float(tape.gradient(smoothed, best)[0]) == pytest.approx(0.0, abs=1e-6)


def test_the_guides_labels_leave_the_loss_without_a_lower_bound_and_label_noise_does_not() -> None:
    sure = tf.constant([[-1e4]]), tf.constant([[1e4]])  # reversed labels: generated examples have high scores
    assert float(losses.NoisyLabels(0.5).discriminator(*sure, NOISE)["cross_entropy"]) < -100.0
    bounded = losses.LabelNoise(losses.NonSaturating(), 0.5).discriminator(sure[1], sure[0], NOISE)
    assert all(float(term) > 0.0 for term in bounded.values())


@given(step=st.integers(0, 3000), share=st.floats(0.1, 1.0), decay=st.floats(0.0, 1.0), interval=st.integers(1, 600))
def test_k_falls_from_all_scores_to_its_share(step: int, share: float, decay: float, interval: int) -> None:
    fake = np.random.default_rng(0).normal(size=(5, 4, 1))
    loss = losses.TopK(losses.Wasserstein(), share=share, decay=decay, interval=interval)
    left = max(share, decay ** (step // interval)) if decay else share
    kept = max(1, round(20 * left))
    found = loss.generator(None, tf.constant(fake), gt.RandomStreams(0, tf.constant(step, tf.int64)))["adversarial"]
    assert float(found) == pytest.approx(-np.sort(fake, axis=None)[20 - kept :].mean())


def test_scores_that_are_not_among_the_highest_get_no_gradient() -> None:
    fake = tf.constant([3.0, -1.0, 2.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch(fake)
        term = losses.TopK(losses.Hinge(), share=0.5, decay=0.0).generator(None, fake, NOISE)["adversarial"]
    np.testing.assert_allclose(tape.gradient(term, fake), [-0.5, 0.0, -0.5, 0.0])


def test_the_minimax_gradient_vanishes_where_the_non_saturating_one_does_not() -> None:
    sure = tf.constant([-30.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(sure)
        minimax = losses.Minimax().generator(None, sure, NOISE)["adversarial"]
        non_saturating = losses.NonSaturating().generator(None, sure, NOISE)["adversarial"]
    assert abs(float(tape.gradient(minimax, sure)[0])) < 1e-12
    assert float(tape.gradient(non_saturating, sure)[0]) == pytest.approx(-1.0)


def test_least_squares_measures_pearson_divergence() -> None:
    # At the best discriminator (b p + a q) / (p + q), 2 C(G) is χ²(p + q, 2q): Mao et al., theorem 1.
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.125, 0.375, 0.5])
    best = (p - q) / (p + q)
    loss = losses.LeastSquares.pearson()
    drawn = {name: tf.constant(np.repeat(best, (8 * share).astype(int))) for name, share in (("p", p), ("q", q))}
    cost = sum(float(loss.generator(None, scores, NOISE)["adversarial"]) for scores in drawn.values())
    assert 2.0 * cost == pytest.approx(np.sum((p + q - 2.0 * q) ** 2 / (p + q)))


names = st.text(st.characters(exclude_characters="/")).map("a {}".format)


@given(terms=st.dictionaries(names, st.floats(-1e6, 1e6, width=32), min_size=1, max_size=5))
def test_the_total_is_the_sum_of_the_terms(terms: dict[str, float]) -> None:
    total = gt.Losses({name: tf.constant(value) for name, value in terms.items()}).total
    assert total.shape == ()
    assert abs(float(total) - sum(terms.values())) <= 1e-6 * (1.0 + sum(map(abs, terms.values())))


@pytest.mark.parametrize(
    ("terms", "where", "got"),
    [
        ({}, "gantape.Losses", "{}"),
        (None, "gantape.Losses", "None"),
        (3.0, "gantape.Losses", "3.0"),
        ({"a": [1.0, 2.0]}, 'gantape.Losses, term "a"', "shape (2,), dtype float32"),
        ({"a": 1.0, "b": tf.zeros([3, 1])}, 'gantape.Losses, term "b"', "shape (3, 1), dtype float32"),
        ({"a": 1}, 'gantape.Losses, term "a"', "shape (), dtype int32"),
        ({"a": "large"}, 'gantape.Losses, term "a"', "shape (), dtype string"),
        ({"a": None}, 'gantape.Losses, term "a"', "None"),
        ({"a": [[1.0], [1.0, 2.0]]}, 'gantape.Losses, term "a"', "[[1.0], [1.0, 2.0]]"),
    ],
)
def test_what_is_no_set_of_named_scalars_is_refused(terms: Any, where: str, got: str) -> None:
    with pytest.raises(gt.errors.LossError) as caught:
        gt.Losses(terms)
    assert (caught.value.where, caught.value.got) == (where, got)
