"""Conversion of models between Keras' layers and faster ones."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from gantape._tensorflow import sublayers
from gantape.errors import TaskError, summary
from gantape.layers.convolutional import FastConv2D, FastConv2DTranspose, FastUpSampling2D
from gantape.layers.equalized import Equalized
from gantape.layers.normalization import BatchNorm, LayerNorm
from gantape.layers.spectral import SpectralNorm
from gantape.types import Model

FASTER: Mapping[type, Any] = {
    keras.layers.BatchNormalization: BatchNorm,
    keras.layers.Conv2D: FastConv2D,
    keras.layers.Conv2DTranspose: FastConv2DTranspose,
    keras.layers.UpSampling2D: FastUpSampling2D,
}
PLAIN: Mapping[type, Any] = {fast: plain for plain, fast in FASTER.items()}


def faster(model: Model) -> Model:
    """A copy of a model with faster layers and the same names, weights and, to rounding, outputs.

    Convolutions, doublings of images and batch norms are replaced. Loading a saved copy needs `import gantape.layers`; `plain`
    reverts it.

    Args:
        model: A built sequential or functional Keras model. Nested models are copied too; compile settings are not.

    Returns:
        The copy. It shares no weights with the model.

    Raises:
        TaskError: If it is not such a model.
    """
    return _with_layers(model, FASTER, where="gantape.layers.faster")


def plain(model: Model) -> Model:
    """A copy of a model with Keras' own convolutions and batch norms: the inverse of `faster`.

    Args:
        model: A built sequential or functional Keras model.

    Returns:
        The copy. It shares no weights with the model.

    Raises:
        TaskError: If it is not such a model.
    """
    return _with_layers(model, PLAIN, where="gantape.layers.plain")


def in_float32(model: Model) -> Model:
    """A copy of a model that computes in float32 throughout, with the same weights.

    Save this copy of a mixed-precision model for use elsewhere: it returns float32, and is fast on hardware without 16-bit
    arithmetic.

    Args:
        model: A built sequential or functional Keras model.

    Returns:
        The copy. It shares no weights with the model.

    Raises:
        TaskError: If it is not such a model.
    """
    configured = functools.partial(_in_float32, policies="mixed_")
    return _with_layers(model, {}, "gantape.layers.in_float32", configured)


def for_inference(model: Model) -> Model:
    """A copy of a model for use elsewhere: Keras' own layers, in float32, without `SpectralNorm` and `Equalized`.

    The weights are those in use, and outputs are those of `training=False`, to rounding. Of gantape's layers, those without a
    counterpart in Keras stay, such as `Pack`, `MinibatchDeviation` and `ModulatedConv2D`.

    Args:
        model: A built sequential or functional Keras model.

    Returns:
        The copy. It shares no weights with the model.

    Raises:
        TaskError: If it is not such a model.
    """
    others = {**PLAIN, LayerNorm: keras.layers.LayerNormalization}
    where = "gantape.layers.for_inference"
    return _with_layers(model, others, where, configured=_in_float32, unwrapped=True)


def _in_float32(config: Any, policies: str = "") -> Any:
    """A layer's configuration with float32 in place of policies whose names begin so, also in nested layers."""
    if isinstance(config, dict):
        if str(config.get("class_name", "")).endswith("DTypePolicy") and config["config"]["name"].startswith(policies):
            return "float32"
        return {name: _in_float32(value, policies) for name, value in config.items()}
    return [_in_float32(value, policies) for value in config] if isinstance(config, list) else config


def _with_layers(
    model: Any,
    others: Mapping[Any, Any],
    where: str,
    configured: Callable[[Any], Any] = lambda config: config,
    *,
    unwrapped: bool = False,
) -> Model:
    if not isinstance(model, keras.Model):
        raise TaskError(
            "only models have layers to replace.",
            where=f"{where}, argument `model`",
            got=type(model).__name__,
            do="pass a keras.Sequential, or a keras.Model made from inputs and outputs.",
        )
    if not model.built:
        raise TaskError(
            "the model has no weights yet.",
            where=f"{where}, argument `model`",
            got=f'"{model.name}", which is not built',
            do="begin it with keras.Input(shape=...), or call it once.",
        )
    copies: list[tuple[Any, list[Any]]] = []

    def copy(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.Layer):  # an operation of keras.ops
            return type(layer).from_config(layer.get_config())
        if hasattr(layer, "adapt") and not layer.variables:  # a vocabulary, which never changes
            return layer
        if unwrapped and isinstance(layer, SpectralNorm | Equalized):
            values, layer = layer.weights_in_use(), layer.layer
        else:
            values = [variable.value for variable in layer.variables]
        twin = others.get(type(layer), type(layer)).from_config(configured(layer.get_config()))
        copies.append((twin, values))
        return twin

    try:
        changed = keras.models.clone_model(model, clone_function=copy, recursive=True)
    except (TypeError, ValueError) as error:  # of a model class, of a lambda in a layer
        raise TaskError(
            "this model cannot be copied layer by layer.",
            where=f"{where}, argument `model`",
            got=f'"{model.name}", {type(model).__name__}: {summary(error)}'[:500],
            do="pass a keras.Sequential, or a keras.Model made from inputs and outputs; in a class of your own, use "
            "gantape.layers.FastConv2D, FastConv2DTranspose and FastUpSampling2D directly.",
        ) from error
    for twin, values in copies:
        for variable, value in zip(twin.variables, values, strict=True):
            variable.assign(tf.cast(value, variable.dtype))
        for adapted in sublayers(twin):  # such as Normalization, which computes with what it makes of its variables
            if hasattr(adapted, "finalize_state"):
                adapted.finalize_state()
    return changed
