"""The choice of convolutions to rewrite: those that were measured to be faster on a CPU, by shape and compilation mode.

Measured by `scripts/benchmarks/benchmark_layers.py` with TensorFlow 2.21 on two cores of an AMD EPYC (AVX-512), mostly with
batches of 64. On other machines the best choice may differ; the outputs do not depend on it.
"""

import math

import tensorflow as tf

from gantape._tensorflow import in_xla
from gantape.layers.geometry import Pair, Strides
from gantape.types import Tensor


def measured(images: Tensor) -> bool:
    """Whether such images were measured: in compiled code, of known sizes, in single or double precision, on a CPU.

    In eager code every layer computes exactly what Keras' own does, bit for bit.
    """
    return (
        not tf.executing_eagerly()
        and images.shape.rank == 4
        and None not in images.shape[1:]
        and images.dtype in (tf.float32, tf.float64)
        and not tf.config.list_physical_devices("GPU")
    )


def columns_win(kernel: Pair, channels: int, filters: int) -> bool:
    """Whether a convolution with stride 1 is faster as one matrix product.

    Args:
        kernel: Sizes of the kernel.
        channels: Input channels.
        filters: Output channels.
    """
    places = math.prod(kernel)
    if places == 1:
        return False
    if in_xla():
        return filters <= 8 and places * filters <= 8 * channels
    return channels >= 32 * filters


def phases_win(strides: Strides, small_channels: int, large_channels: int) -> bool:
    """Whether a transposed convolution is faster through phases.

    Args:
        strides: Geometry of the convolution that it is the transpose of.
        small_channels: Input channels.
        large_channels: Output channels.
    """
    if max(strides.steps) == 1:
        return False
    if not in_xla():
        return large_channels <= 8
    return phases_are_few(strides, large_channels) or (min(strides.small) >= 7 and _work(strides, small_channels) >= 100_000)


def doubling_wins(small: Pair) -> bool:
    """Whether a 3×3 convolution of doubled images is faster if it is computed from the images before.

    Measured on one core, with batches of 16 and 64 and 8 to 128 channels: in graph mode, reshaping the kernel costs more than
    it saves if images are small.

    Args:
        small: Height and width before doubling.
    """
    return in_xla() or math.prod(small) >= 256


def phases_are_few(strides: Strides, large_channels: int) -> bool:
    """Whether the convolution that computes all phases is faster as one matrix product."""
    return in_xla() and math.prod(strides.steps) * large_channels <= 16


def _work(strides: Strides, small_channels: int) -> float:
    """Products per large channel, without those by the zeros that pad the kernel to a multiple of the strides."""
    places = math.prod(strides.kernel)
    useful = places / (math.prod(strides.phase.kernel) * math.prod(strides.steps))
    return math.prod(strides.small) * small_channels * places * useful
