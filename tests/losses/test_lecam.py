"""LeCam regularisation against NumPy: its averages, its gradient, its state in a run that is resumed."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import PointGan, points

import gantape as gt
from gantape.losses import Hinge, LeCam, NonSaturating, RelativisticPairing, TopK
from gantape.testing import assert_resumes_exactly

NOISE = gt.RandomStreams(0)


class LeCamGan(PointGan):
    """A GAN of points whose discriminator is regularised."""

    def build_loss(self):
        return LeCam(NonSaturating(), weight=0.3, decay=0.9)


def batches(count: int) -> list[tuple[Any, Any]]:
    drawn = np.random.default_rng(0).normal(size=(count, 2, 4, 1))
    return [(1.0 + real, -0.5 + fake) for real, fake in drawn]


def expected(history: list[tuple[Any, Any]], weight: float, decay: float, one_sided: bool) -> float:
    """The term of the last pair of scores, from all pairs so far."""
    ages = decay ** np.arange(len(history))[::-1]
    of_real, of_fake = (sum(ages * [scores[kind].mean() for scores in history]) / sum(ages) for kind in (0, 1))
    real, fake = history[-1]
    high, low = real - of_fake, of_real - fake
    if one_sided:
        high, low = np.maximum(high, 0.0), np.maximum(low, 0.0)
    return float(weight * (np.mean(high**2) + np.mean(low**2)))


@pytest.mark.parametrize("one_sided", [True, False])
@pytest.mark.parametrize("decay", [0.0, 0.9, 0.99])
def test_the_term_is_that_of_numpy_in_every_step(decay: float, one_sided: bool) -> None:
    keras.config.set_floatx("float64")
    loss, seen = LeCam(Hinge(), 0.3, decay, one_sided), []
    for real, fake in batches(5):
        seen.append((real, fake))
        terms = loss.discriminator(tf.constant(real), tf.constant(fake), NOISE)
        assert list(terms) == ["real", "fake", "lecam"]
        assert float(terms["lecam"]) == pytest.approx(expected(seen, 0.3, decay, one_sided), rel=1e-9)
        assert float(terms["real"]) == pytest.approx(np.maximum(0.0, 1.0 - real).mean())


def test_no_gradient_passes_through_the_averages() -> None:
    real, fake = (tf.constant([[score]]) for score in (2.0, -1.0))
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        term = LeCam(Hinge(), weight=1.0).discriminator(real, fake, NOISE)["lecam"]
    # The averages of the first step are the scores themselves: both distances are 3, which each score changes once.
    assert float(term) == 18.0
    assert [float(slope[0, 0]) for slope in tape.gradient(term, [real, fake])] == [6.0, -6.0]


def test_scores_beyond_the_other_average_are_left_alone() -> None:
    real, fake = tf.constant([[-2.0]]), tf.constant([[1.0]])
    assert float(LeCam(Hinge()).discriminator(real, fake, NOISE)["lecam"]) == 0.0
    assert float(LeCam(Hinge(), weight=1.0, one_sided=False).discriminator(real, fake, NOISE)["lecam"]) == 18.0


def test_the_generator_is_that_of_the_wrapped_loss_and_modifiers_nest() -> None:
    fake = tf.constant([[0.5], [-1.0]])
    assert float(LeCam(Hinge()).generator(None, fake, NOISE)["adversarial"]) == 0.25
    assert float(TopK(LeCam(Hinge()), decay=0.0).generator(None, fake, NOISE)["adversarial"]) == -0.5


@pytest.mark.parametrize("options", [{"decay": 1.0}, {"weight": -1.0}, {"loss": RelativisticPairing()}])
def test_what_it_cannot_use_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(gt.errors.HyperparameterError, match="LeCam"):
        LeCam(**{"loss": Hinge(), **options})


def test_a_discriminator_of_probabilities_is_still_recognised() -> None:
    class Probabilities(LeCamGan):
        def build_discriminator(self):
            return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])

    with pytest.raises(gt.errors.TaskError, match="probabilities"):
        Probabilities()


def test_the_averages_are_saved_and_resumed() -> None:
    assert_resumes_exactly(LeCamGan, points(), steps=12, stops=(5,))


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_every_mode_trains_alike(mode: Any) -> None:
    found = []
    for compiled in ("eager", mode):
        keras.utils.set_random_seed(3)
        task = LeCamGan()
        gt.Loop(task, compiler=gt.StepCompiler(compiled), seed=1).run(points(), steps=4)
        found.append([float(variable.numpy()) for variable in (task.loss.real_average, task.loss.fake_average)])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4)
    assert all(found[0])
