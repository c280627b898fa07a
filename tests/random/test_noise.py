"""Noise is a pure function of (seed, step, name), the same in every mode."""

import functools
import math
from collections.abc import Callable
from typing import Any
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, steps

import gantape as gt
from gantape.random.rng import derive_key

DRAWS: dict[str, Callable[[gt.RandomStreams], Any]] = {
    "bits": lambda rng: rng.bits("x", [7, 3]),
    "uniform": lambda rng: rng.uniform("x", [257]),
    "uniform in a range": lambda rng: rng.uniform("x", [16, 4], -1.0, 3.0),
    "normal": lambda rng: rng.normal("x", [64, 8]),
    "normal with mean": lambda rng: rng.normal("x", [5], 3.0, 0.1),
    "integers": lambda rng: rng.integers("x", [100], 10),
    "normal of a shape that is a tensor": lambda rng: rng.stream("a", 1).normal("x", tf.constant([4, 3])),
}
NUMBERS = 2**16
FIVE_SIGMA = 5.0 / math.sqrt(NUMBERS)


@functools.cache
def compiled(draw: str, xla: bool) -> Any:
    return tf.function(
        lambda step: DRAWS[draw](gt.RandomStreams(12, step)), jit_compile=xla, input_signature=[tf.TensorSpec([], tf.int64)]
    )


@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("draw", DRAWS)
def test_every_mode_draws_the_same(draw: str, xla: bool) -> None:
    @given(step=st.integers(0, 2**62))
    def law(step: int) -> None:
        eager = DRAWS[draw](gt.RandomStreams(12, step)).numpy()
        other = compiled(draw, xla)(tf.constant(step, tf.int64)).numpy()
        assert eager.dtype == other.dtype
        if "normal" in draw:
            # A graph may fuse operations, and XLA has its own logarithm and cosine: a few units in the last place below 6.
            np.testing.assert_allclose(eager, other, rtol=0, atol=2e-6)
        else:
            np.testing.assert_array_equal(eager, other)

    law()


@given(seed=seeds, step=steps)
def test_the_same_key_gives_the_same_numbers_and_another_step_others(seed: int, step: int) -> None:
    first, again, next_step = (gt.RandomStreams(seed, at).bits("x", [8]).numpy() for at in (step, tf.constant(step), step + 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, next_step)


@given(
    paths=st.lists(st.lists(st.text(st.characters(codec="utf-8")), max_size=3).map(tuple), min_size=2, max_size=8, unique=True)
)
def test_another_path_of_names_is_another_key(paths: list[tuple[str, ...]]) -> None:
    keys = {derive_key(0, *path) for path in paths}
    assert len(keys) == len(paths)
    assert all(0 <= key < 2**63 for key in keys)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (gt.RandomStreams(0), gt.RandomStreams(1)),
        (gt.RandomStreams(0, 0), gt.RandomStreams(0, 1)),
        (gt.RandomStreams(0), gt.RandomStreams(0).stream("x")),
        (gt.RandomStreams(0).stream("discriminator", 0), gt.RandomStreams(0).stream("generator", 0)),
        (gt.RandomStreams(0).stream("discriminator", 0), gt.RandomStreams(0).stream("discriminator", 1)),
    ],
    ids=["seed", "step", "stream", "update", "repeat"],
)
def test_other_streams_are_unrelated(one: gt.RandomStreams, other: gt.RandomStreams) -> None:
    correlation = np.corrcoef(one.normal("x", [NUMBERS]), other.normal("x", [NUMBERS]))[0, 1]
    assert abs(correlation) < FIVE_SIGMA


def test_neighbours_in_a_stream_are_unrelated() -> None:
    numbers = gt.RandomStreams(0).normal("x", [NUMBERS + 1]).numpy()
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < FIVE_SIGMA


@pytest.mark.parametrize("seed", range(3))
def test_normal_numbers_have_the_moments_of_theory(seed: int) -> None:
    numbers = gt.RandomStreams(seed).normal("x", [NUMBERS]).numpy().astype(np.float64)
    # Standard errors of the sample's moments: 1/√n, √(2/n), √(6/n), √(24/n).
    assert abs(numbers.mean()) < FIVE_SIGMA
    assert abs(np.mean(numbers**2) - 1.0) < FIVE_SIGMA * math.sqrt(2.0)
    assert abs(np.mean(numbers**3)) < FIVE_SIGMA * math.sqrt(15.0)
    assert abs(np.mean(numbers**4) - 3.0) < FIVE_SIGMA * math.sqrt(96.0)


def test_normal_numbers_are_distributed_normally() -> None:
    numbers = np.sort(gt.RandomStreams(4).normal("x", [NUMBERS]).numpy().astype(np.float64))
    theory = np.array([0.5 * (1.0 + math.erf(number / math.sqrt(2.0))) for number in numbers])
    # Kolmogorov's distance exceeds 1.95/√n once in a thousand samples.
    assert np.abs(theory - (np.arange(NUMBERS) + 0.5) / NUMBERS).max() < 1.95 / math.sqrt(NUMBERS)


@pytest.mark.parametrize("count", [1, 2, 999, 1000])
def test_normal_numbers_are_those_of_box_and_muller(count: int) -> None:
    rng = gt.RandomStreams(7, 3)
    unit = (rng.bits("x", [1000]).numpy() >> 8) / 2.0**24
    radius, angle = np.sqrt(-2.0 * np.log(1.0 - unit[::2])), 2.0 * np.pi * unit[1::2]
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:count]
    np.testing.assert_allclose(rng.normal("x", [count], 2.0, 0.5), 2.0 + 0.5 * expected, rtol=0, atol=2e-6)


def test_uniform_numbers_fill_their_range_evenly() -> None:
    counts, _ = np.histogram(gt.RandomStreams(1).uniform("x", [NUMBERS], -2.0, 6.0), bins=16, range=(-2.0, 6.0))
    expected = NUMBERS / 16
    assert counts.sum() == NUMBERS
    assert np.abs(counts - expected).max() < 5.0 * math.sqrt(expected)


@pytest.mark.parametrize("float_type", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_numbers_never_reach_the_upper_bound(float_type: str) -> None:
    keras.config.set_floatx(float_type)
    number = tf.as_dtype(float_type).as_numpy_dtype
    largest, smallest = (tf.fill([1], tf.constant(value, tf.uint32)) for value in (2**32 - 1, 0))

    @given(low=st.floats(-1e3, 1e3, allow_subnormal=False), width=st.floats(0.01, 1e3))
    def law(low: float, width: float) -> None:
        for bits in (largest, smallest):
            with mock.patch("gantape.random.rng.philox_bits", return_value=bits):
                drawn = gt.RandomStreams(0).uniform("x", [1], low, low + width)
            assert drawn.dtype == float_type
            assert number(low) <= drawn.numpy()[0]
            assert drawn.numpy()[0] < number(low + width) or number(low) == number(low + width)

    law()


@pytest.mark.parametrize("float_type", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("value", [2**32 - 1, 0], ids=["largest", "smallest"])
def test_the_rarest_bits_make_finite_normal_numbers(float_type: str, value: int) -> None:
    keras.config.set_floatx(float_type)
    with mock.patch("gantape.random.rng.philox_pairs", return_value=[tf.constant([value], tf.uint32)] * 2):
        drawn = gt.RandomStreams(0).normal("x", [1])
    assert drawn.dtype == float_type
    assert abs(float(drawn[0])) < 6.0


@given(seed=seeds, bound=st.integers(1, 2**24))
def test_integers_lie_below_their_bound(seed: int, bound: int) -> None:
    drawn = gt.RandomStreams(seed).integers("x", [100], bound)
    assert drawn.dtype == tf.int32
    assert 0 <= drawn.numpy().min() <= drawn.numpy().max() < bound


def test_integers_are_equally_frequent() -> None:
    counts = np.bincount(gt.RandomStreams(2).integers("x", [NUMBERS], 10).numpy(), minlength=10)
    assert np.abs(counts - NUMBERS / 10).max() < 5.0 * math.sqrt(NUMBERS / 10)


@pytest.mark.parametrize("bound", [0, -1, 2**24 + 1])
def test_integers_refuse_a_bound_outside_of_their_range(bound: int) -> None:
    with pytest.raises(gt.errors.RangeError, match=f"RandomStreams.integers, argument `bound`\n  got:    {bound}\n"):
        gt.RandomStreams(0).integers("x", [1], bound)
