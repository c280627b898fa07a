"""Random numbers as a pure function of (seed, step, name).

Eager code, graphs and XLA draw the same numbers, and a resumed run needs only its step number. TensorFlow's own
`tf.random.stateless_normal` is not enough for that: in TensorFlow 2.21 its numbers in an XLA program are not those of a graph.
Its Philox *bits* are the same everywhere, so the numbers are computed from the bits here.

With several replicas, a draw returns the replica's rows of the numbers that one device would draw for the whole batch. Philox
is counter-based, so that the other rows need not be drawn.

References:
    Box and Muller 1958, A note on the generation of random normal deviates.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import attrs
import keras
import numpy as np
import tensorflow as tf

from gantape.distribute.replicas import this_replica
from gantape.errors import RangeError
from gantape.random.philox import philox_bits, philox_pairs
from gantape.types import Tensor


def derive_key(seed: int, *names: str | int) -> int:
    """A 63-bit number for a seed and a path of names; other names give an unrelated number."""
    text = "/".join([str(seed), *(quote(str(name), safe="") for name in names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


@attrs.frozen(eq=False)
class RandomStreams:
    """Named random streams for one step.

    The same name gives the same numbers: two independent draws need two names. Each update and repeat gets `RandomStreams` of
    its own, so that "latent" of the discriminator is not "latent" of the generator.

    The first axis of a draw is that of examples. Each of several replicas gets its own rows, and together they get the numbers
    of one device; a scalar is the same in all.

    Args:
        seed: The run's seed.
        step: The number of the step, an int or an integer scalar tensor; in evaluation, that of the next one.
        whole: Whether each replica draws for the whole batch.
        batch: In evaluation, the index of the batch, on which draws depend instead of the step.
    """

    seed: int
    step: Any = 0
    whole: bool = False
    batch: Any = None

    def stream(self, *names: str | int) -> "RandomStreams":
        """The streams below a path of names."""
        return attrs.evolve(self, seed=derive_key(self.seed, *names))

    def bits(self, name: str, shape: Sequence[int]) -> Tensor:
        """Uniform random bits, `uint32`, of the given shape."""
        first, size = self._place(shape)
        return tf.reshape(philox_bits(self._seed(name), first, size), shape)

    def uniform(self, name: str, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Numbers from [low, high), of the given shape, in Keras' default float type."""
        float_type = tf.as_dtype(keras.config.floatx())
        unit = tf.cast(_fractions(self.bits(name, shape)), tf.float64 if float_type == tf.float64 else tf.float32)
        numbers = tf.cast(low + (high - low) * unit, float_type)
        # Sum and cast may round up to `high`.
        number = float_type.as_numpy_dtype
        return tf.minimum(numbers, tf.constant(np.nextafter(number(high), number(low)), float_type))

    def normal(self, name: str, shape: Sequence[int], mean: float = 0.0, deviation: float = 1.0) -> Tensor:
        """Normal numbers, by Box and Muller, of the given shape, in Keras' default float type.

        Two neighbours u and v in the stream of uniform numbers become √(-2 ln(1-u)) cos 2πv and √(-2 ln(1-u)) sin 2πv.
        """
        first, size = self._place(shape)
        even, odd = map(_fractions, philox_pairs(self._seed(name), first, size))
        # 1 - u lies in (0, 1]: the logarithm is finite.
        radius = tf.sqrt(-2.0 * tf.math.log(1.0 - even))
        is_cosine = tf.equal((first + tf.range(tf.cast(size, tf.int64))) % 2, 0)
        # cos 2πv = sin 2π(|v - ½| - ¼), and sin 2πv = sin 2π(¼ - |v - ¼|): both arguments are at most a quarter of a turn.
        from_quarter = tf.where(tf.less(odd, 0.75), odd, odd - 1.0) - 0.25
        numbers = radius * _sine(tf.where(is_cosine, tf.abs(odd - 0.5) - 0.25, 0.25 - tf.abs(from_quarter)))
        return tf.cast(mean + deviation * tf.reshape(numbers, shape), keras.config.floatx())

    def integers(self, name: str, shape: Sequence[int], bound: int) -> Tensor:
        """Whole numbers from 0 to bound - 1, `int32`, of the given shape. `bound` is at most 2²⁴."""
        if not 0 < bound <= 2**24:
            raise RangeError(
                "whole numbers are drawn from a range of 1 to 2²⁴ of them.",
                where="RandomStreams.integers, argument `bound`",
                got=str(bound),
                do="choose a bound in that range.",
            )
        numbers = tf.bitwise.right_shift(self.bits(name, shape), tf.constant(8, tf.uint32))
        return tf.cast(tf.math.floormod(tf.cast(numbers, tf.int32), bound), tf.int32)

    def _place(self, shape: Sequence[int]) -> tuple[Any, Any]:
        """Where in a stream the numbers of a shape begin, and how many there are."""
        axes = tf.cast(tf.convert_to_tensor(shape), tf.int64)
        known = tf.get_static_value(axes)
        size = tf.reduce_prod(axes) if known is None else math.prod(known.tolist())
        replica = None if self.whole or not axes.shape[0] else this_replica()
        return (0 if replica is None else size * replica.index), size

    def _seed(self, name: str) -> Tensor:
        place = self.step if self.batch is None else self.batch
        return tf.stack([tf.constant(derive_key(self.seed, name), tf.int64), tf.cast(place, tf.int64)])


def _fractions(bits: Tensor) -> Tensor:
    """Numbers from [0, 1). 24 bits are what a float32 holds exactly, so that no rounding can reach 1."""
    return tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) * 2.0**-24


def _sine(turns: Tensor) -> Tensor:
    """The sine of at most a quarter of a turn: Taylor's series up to x¹³, whose next term is below 10⁻⁹. XLA's is slower."""
    angle = 2.0 * math.pi * turns
    square = tf.square(angle)
    series = tf.ones_like(square)
    for degree in (12, 10, 8, 6, 4, 2):
        series = 1.0 - square / (degree * (degree + 1)) * series
    return angle * series
