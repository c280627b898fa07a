"""Random GANs: gantape trains them as a loop written by hand with `tf.GradientTape` does."""

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from reliability.against_keras.compare import compare
from reliability.against_keras.gans import LOSSES, PENALTIES, DrawnGAN, gans

DRAWN = settings(phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
"""A failing case is shown as it was drawn: `scripts/reliability/compare_with_keras.py` simplifies its own."""

RICH = DrawnGAN(
    generator="batch norm",
    discriminator="l2",
    penalties=("gradient_penalty",),
    accumulate=(2, 1),
    clip=0.5,
    decay=0.05,
    schedule="exponential",
    batch_size=3,
    examples=12,
)


@settings(DRAWN, max_examples=12)
@given(gans())
def test_training_is_that_of_a_loop_by_hand(gan: DrawnGAN) -> None:
    assert not compare(gan)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss: str) -> None:
    assert not compare(DrawnGAN(loss=loss, discriminator="dropout"))


@pytest.mark.parametrize("penalty", PENALTIES)
def test_every_penalty(penalty: str) -> None:
    assert not compare(DrawnGAN(penalties=(penalty,), lazy=2, discriminator="layer norm"))


@pytest.mark.parametrize(
    "trained",
    [
        attrs.evolve(RICH, discriminator="plain"),
        attrs.evolve(RICH, penalties=()),
        attrs.evolve(RICH, penalties=("one-sided",)),
        attrs.evolve(RICH, accumulate=(1, 1), repeats=2),
        attrs.evolve(RICH, clip=0.505),
        attrs.evolve(RICH, decay=0.1),
        attrs.evolve(RICH, schedule="cosine"),
        attrs.evolve(RICH, loss="smoothing"),
    ],
    ids=["regularizer", "penalty", "one side", "accumulation", "clipping", "average", "schedule", "loss"],
)
def test_a_planted_difference_is_found(trained: DrawnGAN) -> None:
    assert compare(RICH, trained)
