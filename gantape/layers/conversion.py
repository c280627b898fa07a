"""Conversion of models between Keras' layers and faster ones."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from gantape.errors import TaskError
from gantape.layers.convolutional import FastConv2D, FastConv2DTranspose
from gantape.layers.normalization import BatchNorm
from gantape.types import Model

FASTER: Mapping[type, Any] = {
    keras.layers.BatchNormalization: BatchNorm,
    keras.layers.Conv2D: FastConv2D,
    keras.layers.Conv2DTranspose: FastConv2DTranspose,
}
PLAIN: Mapping[type, Any] = {fast: plain for plain, fast in FASTER.items()}


def faster(model: Model) -> Model:
    """A copy of a model with faster convolutions and batch norms and the same names, weights and, to rounding, outputs.

    Loading a saved copy needs `import gantape.layers`; `plain` reverts it.

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
    return _with_layers(model, {}, where="gantape.layers.in_float32", configured=_without_mixed_policies)


def _without_mixed_policies(config: Any) -> Any:
    """A layer's configuration with float32 instead of mixed policies, also in nested layers."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy" and config["config"]["name"].startswith("mixed_"):
            return "float32"
        return {name: _without_mixed_policies(value) for name, value in config.items()}
    return [_without_mixed_policies(value) for value in config] if isinstance(config, list) else config


def _with_layers(model: Any, others: Mapping[Any, Any], where: str, configured: Callable[[Any], Any] | None = None) -> Model:
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
    copies: list[tuple[Any, Any]] = []

    def copy(layer: Any) -> Any:
        config = configured(layer.get_config()) if configured else layer.get_config()
        copies.append((layer, others.get(type(layer), type(layer)).from_config(config)))
        return copies[-1][1]

    try:
        changed = keras.models.clone_model(model, clone_function=copy, recursive=True)
    except ValueError as error:
        raise TaskError(
            "this model cannot be copied layer by layer.",
            where=f"{where}, argument `model`",
            got=f'"{model.name}", {type(model).__name__}: {error}',
            do="pass a keras.Sequential, or a keras.Model made from inputs and outputs; in a class of your own, use "
            "gantape.layers.FastConv2D and FastConv2DTranspose directly.",
        ) from error
    for original, twin in copies:
        for variable, value in zip(twin.variables, original.variables, strict=True):
            variable.assign(value)
    return changed
