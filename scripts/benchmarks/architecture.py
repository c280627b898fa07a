"""Networks as data, so that every framework builds the same."""

from typing import Literal, TypeAlias

import attrs


@attrs.frozen
class Dense:
    """A dense layer."""

    units: int


@attrs.frozen
class Convolution:
    """A convolution with the padding `same`."""

    filters: int
    kernel: int
    stride: int = 1


@attrs.frozen
class TransposedConvolution:
    """A transposed convolution with the padding `same`."""

    filters: int
    kernel: int
    stride: int


@attrs.frozen
class BatchNorm:
    """Batch normalisation with moving statistics."""


@attrs.frozen
class Dropout:
    """Dropout."""

    rate: float


@attrs.frozen
class Activation:
    """An element-wise function."""

    function: Literal["relu", "leaky_relu", "sigmoid", "tanh"]


@attrs.frozen
class Reshape:
    """From a vector to `height width channels`."""

    height: int
    width: int
    channels: int


@attrs.frozen
class Flatten:
    """From `height width channels` to a vector."""


@attrs.frozen
class GlobalMaximum:
    """The maximum over height and width."""


Layer: TypeAlias = (
    Dense | Convolution | TransposedConvolution | BatchNorm | Dropout | Activation | Reshape | Flatten | GlobalMaximum
)


@attrs.frozen
class Network:
    """A sequence of layers.

    Args:
        input_shape: The shape of an example, without the axis `batch`.
        layers: The layers, in order.
    """

    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of an example after each layer."""
        shapes: list[tuple[int, ...]] = []
        shape = self.input_shape
        for layer in self.layers:
            shape = shape_after(layer, shape)
            shapes.append(shape)
        return shapes

    def multiplications(self) -> int:
        """Multiplications with weights in the forward pass of one example."""
        total = 0
        for layer, before, after in zip(self.layers, [self.input_shape, *self.shapes()], self.shapes(), strict=False):
            match layer:
                case Dense(units):
                    total += before[-1] * units
                case Convolution(filters, kernel):
                    total += after[0] * after[1] * kernel**2 * before[-1] * filters
                case TransposedConvolution(filters, kernel):
                    total += before[0] * before[1] * kernel**2 * before[-1] * filters
        return total


def shape_after(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    match layer:
        case Dense(units):
            return (*shape[:-1], units)
        case Convolution(filters, _, stride):
            return (-(-shape[0] // stride), -(-shape[1] // stride), filters)
        case TransposedConvolution(filters, _, stride):
            return (shape[0] * stride, shape[1] * stride, filters)
        case Reshape(height, width, channels):
            return (height, width, channels)
        case Flatten():
            return (shape[0] * shape[1] * shape[2],)
        case GlobalMaximum():
            return shape[-1:]
        case _:
            return shape
