"""Models whose convolutions know the size of their inputs, which a converter needs."""

from typing import Any, final

import keras
import tensorflow as tf

from gantape.types import Model, Tensor


def with_static_shapes(model: Any) -> Model:
    """A functional model that shares the layers of another one, and whose convolutions are told the size of their inputs.

    Operations such as those of `UpSampling2D` and `GroupNormalization` compute it from the size of the batch. If that is open,
    TFLite's converter does not know the height of an image behind them, and has no convolution for it.
    """
    functional = type(model)

    def inner(layer: Any) -> Any:
        if type(layer) is keras.Sequential:
            layer = keras.Model(layer.inputs, layer.outputs, name=layer.name)
        return with_static_shapes(layer) if type(layer) is functional else layer

    def call(layer: Any, *arguments: Any, **options: Any) -> Any:
        convolves = type(layer) is not functional and any(len(weight.shape) >= 3 for weight in getattr(layer, "weights", ()))
        return layer(*(tf.nest.map_structure(_told, arguments) if convolves else arguments), **options)

    copy: Model = keras.models.clone_model(model, clone_function=inner, call_function=call)
    return copy


def _told(tensor: Any) -> Any:
    sizes = getattr(tensor, "shape", ())[1:]
    return StaticShape(sizes)(tensor) if len(sizes) > 1 and None not in sizes else tensor


@final
class StaticShape(keras.layers.Layer):  # type: ignore[misc]
    """The identity, which tells TensorFlow a shape.

    Args:
        sizes: The axes behind the batch.
    """

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = sizes

    def call(self, inputs: Tensor) -> Tensor:
        return tf.reshape(inputs, [-1, *self.sizes])
