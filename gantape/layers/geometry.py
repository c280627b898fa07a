"""The geometry of convolutions: paddings and sizes. Every pair is in the order height, width."""

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs

Pair: TypeAlias = tuple[int, int]
Padding: TypeAlias = Literal["same", "valid"]


@attrs.frozen
class Window:
    """A convolution with stride 1.

    Args:
        kernel: Sizes of the kernel.
        before: Zeros before the image.
        inputs: Sizes of the image.
        outputs: Sizes of the output.
    """

    kernel: Pair
    before: Pair
    inputs: Pair
    outputs: Pair

    @classmethod
    def of(cls, kernel: Pair, inputs: Pair, padding: Padding) -> "Window":
        """The window of Keras' convolution with this padding."""
        if padding == "same":
            return cls(kernel, _each_axis(lambda axis: (kernel[axis] - 1) // 2), inputs, inputs)
        return cls(kernel, (0, 0), inputs, _each_axis(lambda axis: inputs[axis] - kernel[axis] + 1))

    @property
    def after(self) -> Pair:
        """Zeros after the image."""
        return _each_axis(lambda axis: self.outputs[axis] + self.kernel[axis] - 1 - self.before[axis] - self.inputs[axis])


@attrs.frozen
class Strides:
    """A strided convolution, which maps large images to small ones, and its transpose, which maps back.

    Args:
        kernel: Sizes of the kernel.
        steps: The strides.
        large: Sizes of the large images.
        padding: `"same"` or `"valid"`.
    """

    kernel: Pair
    steps: Pair
    large: Pair
    padding: Padding

    @classmethod
    def of_transpose(cls, kernel: Pair, steps: Pair, small: Pair, padding: Padding) -> "Strides":
        """The geometry whose transpose has the output sizes of Keras' transposed convolution."""
        margin = 1 if padding == "valid" else 0
        large = _each_axis(lambda axis: small[axis] * steps[axis] + margin * max(kernel[axis] - steps[axis], 0))
        return cls(kernel, steps, large, padding)

    @property
    def small(self) -> Pair:
        """Sizes of the small images."""
        inside = 1 if self.padding == "valid" else 0
        return _each_axis(lambda axis: math.ceil((self.large[axis] - inside * (self.kernel[axis] - 1)) / self.steps[axis]))

    @property
    def before(self) -> Pair:
        """Zeros before the large image."""
        covered = _each_axis(lambda axis: (self.small[axis] - 1) * self.steps[axis] + self.kernel[axis])
        return _each_axis(lambda axis: max(covered[axis] - self.large[axis], 0) // 2)

    @property
    def phase(self) -> Window:
        """The convolution of the small images that computes every phase of the large ones."""
        taps = _each_axis(lambda axis: math.ceil(self.kernel[axis] / self.steps[axis]))
        outputs = _each_axis(lambda axis: math.ceil((self.large[axis] + self.before[axis]) / self.steps[axis]))
        return Window(taps, _each_axis(lambda axis: taps[axis] - 1), self.small, outputs)


def _each_axis(size: Callable[[int], int]) -> Pair:
    return size(0), size(1)
