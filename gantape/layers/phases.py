"""Strided convolutions and their transposes, each the gradient of the other.

In a transposed convolution with stride s, the outputs whose index has the same remainder modulo s form a phase. A phase is an
ordinary convolution of the inputs with every s-th element of the kernel. One convolution with s² times as many filters
computes all s² phases, which are then interleaved. XLA instead convolves the inputs spread s apart, mostly multiplying by
zeros.
"""

from typing import Any

import tensorflow as tf

from gantape.layers.choice import phases_are_few
from gantape.layers.columns import convolve_by_columns
from gantape.layers.geometry import Strides
from gantape.shapes import Images
from gantape.types import Tensor


def convolve(large: Images, kernel: Tensor, strides: Strides) -> Images:
    """TensorFlow's convolution, with a gradient that is computed by phases.

    Args:
        large: `batch height width large_channels`.
        kernel: `kernel_height kernel_width large_channels small_channels`.
        strides: Geometry of the convolution.

    Returns:
        `batch height width small_channels`.
    """

    def operation(large: Tensor, kernel: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            return convolve_transposed(upstream, kernel, strides), _kernel_gradient(large, upstream, strides)

        return tf.nn.conv2d(large, kernel, strides.steps, strides.padding.upper()), gradient

    return tf.custom_gradient(operation)(large, kernel)


def convolve_transposed(small: Images, kernel: Tensor, strides: Strides) -> Images:
    """A transposed convolution by phases, with TensorFlow's gradient.

    Args:
        small: `batch height width small_channels`.
        kernel: `kernel_height kernel_width large_channels small_channels`.
        strides: Geometry of the convolution that this is the transpose of.

    Returns:
        `batch height width large_channels`.
    """

    def operation(small: Tensor, kernel: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            return convolve(upstream, kernel, strides), _kernel_gradient(upstream, small, strides)

        return _interleave(_phases(small, kernel, strides), strides), gradient

    return tf.custom_gradient(operation)(small, kernel)


def convolve_doubled(small: Images, kernel: Tensor) -> Images:
    """A 3×3 convolution, padded to equal sizes, of images that are doubled by nearest neighbours, from the images before.

    A window of 3×3 sees 2×2 pixels of them only: this is a transposed convolution with stride 2, whose kernel is the reversed
    kernel, each element added to its neighbours below, at the right, and between them. It takes four products in place of nine.

    Args:
        small: `batch height width channels`, before they are doubled.
        kernel: `3 3 channels filters`.

    Returns:
        `batch 2·height 2·width filters`.
    """
    reversed_kernel = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
    padded = tf.pad(reversed_kernel, [[1, 1], [1, 1], [0, 0], [0, 0]])
    below = padded[:-1] + padded[1:]
    sizes = tuple(small.shape[1:3])
    return convolve_transposed(small, below[:, :-1] + below[:, 1:], Strides.of_transpose((4, 4), (2, 2), sizes, "same"))


def _kernel_gradient(large: Tensor, small: Tensor, strides: Strides) -> Tensor:
    return tf.raw_ops.Conv2DBackpropFilter(
        input=large,
        filter_sizes=[*strides.kernel, large.shape[-1], small.shape[-1]],
        out_backprop=small,
        strides=[1, *strides.steps, 1],
        padding=strides.padding.upper(),
    )


def _phases(small: Tensor, kernel: Tensor, strides: Strides) -> Tensor:
    """`batch height width phases·large_channels`, of the output sizes of `strides.phase`."""
    window, phase_kernel = strides.phase, _phase_kernel(kernel, strides)
    if phases_are_few(strides, kernel.shape[2]):
        return convolve_by_columns(small, phase_kernel, window)
    around = [[window.before[axis], window.after[axis]] for axis in (0, 1)]
    return tf.nn.conv2d(small, phase_kernel, 1, [[0, 0], *around, [0, 0]])


def _phase_kernel(kernel: Tensor, strides: Strides) -> Tensor:
    """`taps_down taps_right small_channels phases·large_channels`."""
    (down, right), (taps_down, taps_right), channels = strides.steps, strides.phase.kernel, kernel.shape[2:]
    filled = [[0, taps_down * down - kernel.shape[0]], [0, taps_right * right - kernel.shape[1]]]
    split = tf.reshape(tf.pad(kernel, [*filled, [0, 0], [0, 0]]), [taps_down, down, taps_right, right, *channels])
    ordered = tf.transpose(tf.reverse(split, [0, 2]), [0, 2, 5, 1, 3, 4])
    return tf.reshape(ordered, [taps_down, taps_right, channels[1], down * right * channels[0]])


def _interleave(phases: Tensor, strides: Strides) -> Tensor:
    (down, right), (rows, columns) = strides.steps, strides.phase.outputs
    channels = phases.shape[-1] // (down * right)
    split = tf.reshape(phases, [-1, rows, columns, down, right, channels])
    large = tf.reshape(tf.transpose(split, [0, 1, 3, 2, 4, 5]), [-1, rows * down, columns * right, channels])
    (top, left), (height, width) = strides.before, strides.large
    return large[:, top : top + height, left : left + width]
