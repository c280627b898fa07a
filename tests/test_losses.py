"""Adversarial losses against NumPy in float64, finite differences, and what holds for every loss."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from strategies import scores

import gantape as gt
from gantape import losses

Reference = Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any]], dict[str, np.ndarray[Any, Any]]]
NOISE = gt.Noise(5)


def softplus(x: Any) -> Any:
    return np.logaddexp(0.0, x)


def cross_entropies(labels: Any, x: Any) -> Any:
    return labels * softplus(-x) + (1.0 - labels) * softplus(x)


def noisy_labels(width: float) -> Reference:
    def reference(real: Any, fake: Any) -> dict[str, Any]:
        scores = np.concatenate([fake, real])
        labels = np.concatenate([np.ones_like(fake), np.zeros_like(real)])
        labels = labels + width * NOISE.uniform("labels", labels.shape).numpy()
        return {"cross_entropy": cross_entropies(labels, scores)}

    return reference


# For each game, the terms whose means the discriminator and the generator minimise.
GAMES: dict[str, tuple[losses.AdversarialLoss, Reference, Reference]] = {
    "minimax": (
        losses.Minimax(),
        lambda r, g: {"real": softplus(-r), "fake": softplus(g)},
        lambda r, g: {"adversarial": -softplus(g)},
    ),
    "non-saturating": (
        losses.NonSaturating(),
        lambda r, g: {"real": softplus(-r), "fake": softplus(g)},
        lambda r, g: {"adversarial": softplus(-g)},
    ),
    "least squares": (
        losses.LeastSquares(),
        lambda r, g: {"real": (r - 1.0) ** 2 / 2.0, "fake": g**2 / 2.0},
        lambda r, g: {"adversarial": (g - 1.0) ** 2 / 2.0},
    ),
    "Pearson": (
        losses.LeastSquares(fake_target=-1.0, real_target=1.0, generator_target=0.0),
        lambda r, g: {"real": (r - 1.0) ** 2 / 2.0, "fake": (g + 1.0) ** 2 / 2.0},
        lambda r, g: {"adversarial": g**2 / 2.0},
    ),
    "Wasserstein": (losses.Wasserstein(), lambda r, g: {"real": -r, "fake": g}, lambda r, g: {"adversarial": -g}),
    "hinge": (
        losses.Hinge(),
        lambda r, g: {"real": np.maximum(0.0, 1.0 - r), "fake": np.maximum(0.0, 1.0 + g)},
        lambda r, g: {"adversarial": -g},
    ),
    "noisy labels": (losses.NoisyLabels(), noisy_labels(0.05), lambda r, g: {"adversarial": cross_entropies(0.0, g)}),
    "clean labels": (losses.NoisyLabels(0.0), noisy_labels(0.0), lambda r, g: {"adversarial": cross_entropies(0.0, g)}),
}
every_game = pytest.mark.parametrize("game", GAMES)


def assert_means(terms: Any, expected: dict[str, Any]) -> None:
    """Means of float32, whose rounding errors are relative to the mean of the absolute values."""
    assert list(terms) == list(expected)
    for name, values in expected.items():
        assert terms[name].shape == ()
        assert abs(float(terms[name]) - values.mean()) <= 1e-6 * (1.0 + np.abs(values).mean())


@every_game
def test_a_loss_is_the_mean_of_its_formula(game: str) -> None:
    loss, discriminator, generator = GAMES[game]

    @given(data=st.data(), real=scores())
    def law(data: st.DataObject, real: Any) -> None:
        count = data.draw(st.integers(1, 5))
        fake = data.draw(arrays.arrays(np.float32, (count, *real.shape[1:]), elements=st.floats(-50, 50, width=32)))
        exact = real.astype(np.float64), fake.astype(np.float64)
        assert_means(loss.discriminator(tf.constant(real), tf.constant(fake), NOISE), discriminator(*exact))
        assert_means(loss.generator(None, tf.constant(fake), NOISE), generator(*exact))

    law()


@every_game
def test_large_scores_give_finite_and_right_losses_and_gradients(game: str) -> None:
    loss, discriminator, generator = GAMES[game]
    real, fake = np.array([[1e4], [-1e4], [0.0]], np.float32), np.array([[-1e4], [1e4], [2.0]], np.float32)
    variables = tf.constant(real), tf.constant(fake)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(variables)
        terms = loss.discriminator(*variables, NOISE)
        moved = loss.generator(None, variables[1], NOISE)
        totals = sum(terms.values()), sum(moved.values())
    assert_means(terms, discriminator(real.astype(np.float64), fake.astype(np.float64)))
    assert_means(moved, generator(real.astype(np.float64), fake.astype(np.float64)))
    for gradient in (*tape.gradient(totals[0], variables), tape.gradient(totals[1], variables[1])):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() <= 1e4


@every_game
def test_gradients_are_finite_differences(game: str) -> None:
    keras.config.set_floatx("float64")
    loss = GAMES[game][0]
    generator = np.random.default_rng(0)
    # Away from the corners of the hinge at ±1.
    real, fake = (generator.uniform(0.1, 0.9, (4, 1)) * generator.choice([-1.0, 1.0, 4.0], (4, 1)) for _ in range(2))

    def discriminator(scores: Any) -> Any:
        return sum(loss.discriminator(scores[:4], scores[4:], NOISE).values())

    def moved(scores: Any) -> Any:
        return sum(loss.generator(None, scores[4:], NOISE).values())

    start, small = np.concatenate([real, fake]), 1e-5
    for function in (discriminator, moved):
        with tf.GradientTape() as tape:
            point = tf.constant(start)
            tape.watch(point)
            value = function(point)
        slopes = [
            float(function(tf.constant(start + small * unit)) - function(tf.constant(start - small * unit))) / (2.0 * small)
            for unit in np.eye(8).reshape(8, 8, 1)
        ]
        np.testing.assert_allclose(tf.squeeze(tape.gradient(value, point), 1), slopes, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("game", sorted(set(GAMES) - {"noisy labels"}))  # whose noise belongs to places in the batch
def test_the_order_of_a_batch_does_not_matter(game: str) -> None:
    loss = GAMES[game][0]
    real, fake, order = np.random.default_rng(1).normal(size=(3, 32)).astype(np.float32)
    order = np.argsort(order)
    for one, other in (
        (loss.discriminator(real, fake, NOISE), loss.discriminator(real[order], fake[order], NOISE)),
        (loss.generator(None, fake, NOISE), loss.generator(None, fake[order], NOISE)),
    ):
        for name in one:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-5)


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
@every_game
def test_every_mode_computes_the_same(game: str, xla: bool) -> None:
    loss = GAMES[game][0]
    real, fake = tf.constant([[0.3], [-2.0]]), tf.constant([[1.5], [0.2]])
    compiled = tf.function(lambda: loss.discriminator(real, fake, NOISE), jit_compile=xla)
    for name, term in loss.discriminator(real, fake, NOISE).items():
        np.testing.assert_allclose(compiled()[name], term, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@every_game
def test_scores_may_have_another_float_type_than_keras(game: str, dtype: str) -> None:
    loss, discriminator, _ = GAMES[game]
    real, fake = np.array([[0.25], [-2.0]]), np.array([[1.5], [0.5]])
    terms = loss.discriminator(tf.constant(real, dtype), tf.constant(fake, dtype), NOISE)
    for name, values in discriminator(real, fake).items():
        assert abs(float(terms[name]) - values.mean()) < 4e-3


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
    loss = losses.LeastSquares(fake_target=-1.0, real_target=1.0, generator_target=0.0)
    drawn = {name: tf.constant(np.repeat(best, (8 * share).astype(int))) for name, share in (("p", p), ("q", q))}
    cost = sum(float(loss.generator(None, scores, NOISE)["adversarial"]) for scores in drawn.values())
    assert 2.0 * cost == pytest.approx(np.sum((p + q - 2.0 * q) ** 2 / (p + q)))


@given(terms=st.dictionaries(st.text(), st.floats(-1e6, 1e6, width=32), min_size=1, max_size=5))
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
