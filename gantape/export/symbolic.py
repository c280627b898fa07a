"""Building blocks of standalone models: images from 0 to 1, the conditioning as inputs, probabilities."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import keras
import tensorflow as tf

from gantape.conditioning import Condition
from gantape.shapes import dtype_name
from gantape.types import Model

Range = tuple[float, float]

_BINARY = (keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy)
_CATEGORICAL = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
)


def is_image(tensor: Any) -> bool:
    """Whether a tensor is taken for images: numbers with the axes `batch height width channels`, and 1, 3 or 4 channels."""
    return len(tensor.shape) == 4 and tensor.shape[-1] in (1, 3, 4) and "float" in dtype_name(tensor)


def placeholder(tensor: Any, name: str) -> Any:
    """An input of a model for tensors like this one, in a batch of any size."""
    dtype = dtype_name(tensor)
    return keras.Input(tuple(tensor.shape[1:]), dtype="float32" if "float" in dtype else dtype, name=name)


def to_range(tensor: Any, pixels: Range) -> Any:
    """Images from 0 to 1 as images in a range of pixels; anything else as it is."""
    low, high = pixels
    if not is_image(tensor) or pixels == (0.0, 1.0):
        return tensor
    return keras.layers.Rescaling(high - low, low)(tensor)


def from_range(images: Any, pixels: Range) -> Any:
    """Images in a range of pixels as images from 0 to 1, clipped to it."""
    low, high = pixels
    scaled = images if pixels == (0.0, 1.0) else keras.layers.Rescaling(1.0 / (high - low), -low / (high - low))(images)
    return keras.ops.clip(scaled, 0.0, 1.0)


def conditioning_inputs(condition: Condition, pixels: Range) -> tuple[list[Any], Any]:
    """Inputs for the conditioning of a GAN.

    Returns:
        One input for each tensor, and the conditioning made of them.
    """
    example = condition.for_grid(1, 2, None)
    named = zip(tf.nest.flatten(example), conditioning_names(condition), strict=True)
    inputs = [placeholder(leaf, name) for leaf, name in named]
    return inputs, tf.nest.pack_sequence_as(example, [to_range(tensor, pixels) for tensor in inputs])


def conditioning_names(condition: Condition) -> tuple[str, ...]:
    """The names of the inputs for the conditioning, in order."""
    count = len(tf.nest.flatten(condition.for_grid(1, 2, None)))
    return condition.names or tuple(f"conditioning_{place}" for place in range(count))


def called(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function for symbolic tensors.

    A function that computes with TensorFlow takes no symbolic tensors, and becomes a layer, which no `.keras` file can hold.
    """
    try:
        return function(*arguments)
    except ValueError as error:
        if "KerasTensor" not in str(error):
            raise
        return TensorFlowFunction(function)(*arguments)


@final
class TensorFlowFunction(keras.layers.Layer):  # type: ignore[misc]
    """A function of tensors as a layer.

    Args:
        function: The function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, *arguments: Any) -> Any:
        return self.function(*arguments)


def probabilities(logits: Any, loss: Any) -> Any:
    """The probabilities that a loss of Keras takes the outputs of a model for; `None` if it is no loss of a classifier."""
    if not isinstance(loss, (*_BINARY, *_CATEGORICAL)):
        return None
    activation = "sigmoid" if isinstance(loss, _BINARY) else "softmax"
    return keras.layers.Activation(activation)(logits) if loss.from_logits else logits


def loss_of_output(losses: Any, name: str, place: int) -> Any:
    """The loss of one output, of those that a task may have: one for all, or a dict or a sequence with one for each."""
    if isinstance(losses, Mapping):
        return losses.get(name)
    return losses[place] if isinstance(losses, Sequence) else losses


def functional(inputs: Sequence[Any], outputs: Mapping[str, Any], name: str) -> Model:
    """A model that takes and returns dicts, without the inputs that its outputs do not depend on.

    No output has the name of an input, which ONNX does not allow: `x` is returned as `x_output` then.
    """
    used = list(inputs)
    for tensor in inputs:
        rest = [other for other in used if other is not tensor]
        with contextlib.suppress(ValueError):  # an output is not connected to the rest
            if rest:
                keras.Model(rest, list(outputs.values()))
                used = rest
    given = {tensor.name: tensor for tensor in used}
    made = {f"{key}_output" if key in given else key: tensor for key, tensor in outputs.items()}
    model: Model = keras.Model(given, made, name=name)
    return model
