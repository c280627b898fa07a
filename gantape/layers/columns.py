"""A convolution as one matrix product whose columns are shifted and summed.

With one column for each place in the kernel and each filter, `columns[p, k] = images[p] · kernel[k]`, a convolution is
`outputs[q] = Σₖ columns[q + k - before, k]`. The sums are cheap where the filters are few.
"""

from typing import Any

import tensorflow as tf

from gantape.layers.geometry import Window
from gantape.shapes import Images
from gantape.types import Tensor


def convolve_by_columns(images: Images, kernel: Tensor, window: Window) -> Images:
    """A convolution with stride 1, differentiable any number of times.

    Args:
        images: `batch height width channels`, of the window's `inputs` sizes.
        kernel: `kernel_height kernel_width channels filters`.
        window: How the kernel lies on the images.

    Returns:
        `batch height width filters`, of the window's `outputs` sizes.
    """
    rows, width, channels, filters = kernel.shape
    flat_kernel = tf.reshape(tf.transpose(kernel, [2, 1, 0, 3]), [channels, width * rows * filters])
    columns = tf.reshape(images, [-1, channels]) @ flat_kernel
    return shifted_sum(tf.reshape(columns, [-1, *window.inputs, width * rows * filters]), window)


def shifted_sum(columns: Tensor, window: Window) -> Images:
    """`outputs[q] = Σₖ columns[q + k - before, k]`; its gradient is `patches`.

    Args:
        columns: `batch height width columns`, the columns in the order kernel width, kernel height, filters.
        window: How the kernel lies on the images.

    Returns:
        `batch height width filters`.
    """

    def operation(columns: Tensor) -> tuple[Tensor, Any]:
        (rows, row_length), (height, width) = window.kernel, window.outputs
        around = [[window.before[axis], window.after[axis]] for axis in (0, 1)]
        parts = tf.split(tf.pad(columns, [[0, 0], *around, [0, 0]]), row_length, axis=-1)
        summed_along_rows = tf.add_n([part[:, :, shift : shift + width] for shift, part in enumerate(parts)])
        parts = tf.split(summed_along_rows, rows, axis=-1)
        outputs = tf.add_n([part[:, shift : shift + height] for shift, part in enumerate(parts)])
        return outputs, lambda upstream: patches(upstream, window)

    return tf.custom_gradient(operation)(columns)


def patches(outputs: Images, window: Window) -> Tensor:
    """`columns[p, k] = outputs[p - k + before]`, 0 outside the outputs; its gradient is `shifted_sum`.

    Args:
        outputs: `batch height width filters`.
        window: How the kernel lies on the images.

    Returns:
        `batch height width columns`, the columns in the order kernel width, kernel height, filters.
    """

    def operation(outputs: Tensor) -> tuple[Tensor, Any]:
        (rows, row_length), (height, width) = window.kernel, window.inputs
        around = [[window.kernel[axis] - 1 - zeros[axis] for zeros in (window.before, window.after)] for axis in (0, 1)]
        padded = tf.pad(outputs, [[0, 0], *around, [0, 0]])
        shifted_down = tf.concat([padded[:, shift : shift + height] for shift in reversed(range(rows))], axis=-1)
        columns = tf.concat([shifted_down[:, :, shift : shift + width] for shift in reversed(range(row_length))], axis=-1)
        return columns, lambda upstream: shifted_sum(upstream, window)

    return tf.custom_gradient(operation)(outputs)
