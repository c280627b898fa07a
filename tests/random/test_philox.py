"""Random bits: the published ones, and those of TensorFlow's kernel in XLA too, from every place on."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from gantape.random.philox import philox_bits, philox_pairs, rounds

# Random123 1.14 of D. E. Shaw Research, tests/kat_vectors: count, key, numbers.
PUBLISHED = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
SIZES = (1, 6, 40)


def words(text: str) -> list[Any]:
    return [tf.constant([int(word, 16)], tf.uint32) for word in text.split()]


@pytest.mark.parametrize(("count", "key", "numbers"), PUBLISHED)
def test_the_numbers_are_the_published_ones(count: str, key: str, numbers: str) -> None:
    np.testing.assert_array_equal(rounds(words(count), words(key)), words(numbers))


@pytest.fixture(scope="module")
def in_xla() -> dict[int, Any]:
    """A program for each size: that is part of the program, as a shape is."""

    def program(size: int) -> Any:
        signature = [tf.TensorSpec([2], tf.int64), tf.TensorSpec([], tf.int64)]
        return tf.function(
            lambda seed, first: (philox_bits(seed, first, size), *philox_pairs(seed, first, size)),
            jit_compile=True,
            input_signature=signature,
        )

    return {size: program(size) for size in SIZES}


@settings(max_examples=100)
@given(
    seed=st.tuples(*[st.integers(0, 2**63 - 1)] * 2),
    first=st.integers(0, 100) | st.integers(2**32 - 8, 2**32 + 8) | st.integers(2**34 - 8, 2**34 + 8),
    size=st.sampled_from(SIZES),
)
def test_bits_and_pairs_are_those_of_the_kernel_from_every_place_on(in_xla: Any, seed: Any, first: int, size: int) -> None:
    seed = tf.constant(seed, tf.int64)
    start = first - first % 4
    parts = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    count = parts.counter + np.array([start // 4, 0], np.uint64)
    around = tf.raw_ops.StatelessRandomUniformFullIntV2(shape=[64], key=parts.key, counter=count, alg=1, dtype=tf.uint32)
    places = np.arange(first, first + size) - start
    expected = [around.numpy()[chosen] for chosen in (places, places - places % 2, places - places % 2 + 1)]
    at = tf.constant(first, tf.int64)
    for found in ([philox_bits(seed, at, size), *philox_pairs(seed, at, size)], in_xla[size](seed, at)):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@given(seed=st.tuples(*[st.integers(0, 2**63 - 1)] * 2), size=st.integers(1, 40))
def test_bits_from_the_start_are_those_of_tensorflow(seed: Any, size: int) -> None:
    expected = tf.random.stateless_uniform([size], seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox")
    np.testing.assert_array_equal(philox_bits(tf.constant(seed, tf.int64), 0, size), expected)
