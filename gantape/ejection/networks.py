"""The code that builds a network of Keras' layers."""

import itertools
from typing import Any

import keras

from gantape._tensorflow import sublayers
from gantape.ejection.graph import configured, constructor
from gantape.ejection.source import Sources
from gantape.errors import EjectError
from gantape.layers import plain
from gantape.layers.conversion import PLAIN
from gantape.types import Model


def network(model: Model, sources: Sources) -> list[str]:
    """The body of the function that builds a model, from Keras' own layers and from the source of others.

    Raises:
        EjectError: If it is no sequential or functional model, or the source of a layer is not available.
    """
    if not isinstance(model, keras.Sequential | keras.Model) or not (
        isinstance(model, keras.Sequential) or getattr(model, "inputs", None)
    ):
        raise EjectError(
            "a network is a class of its own.",
            where=f"the network `{getattr(model, 'name', type(model).__name__)}`",
            got=type(model).__qualname__,
            do="build a sequential or functional model.",
        )
    copied = plain(model) if any(type(layer) in PLAIN for layer in sublayers(model)) else model
    if isinstance(copied, keras.Sequential):
        inputs = [
            f"        keras.Input({tuple(copied.input_shape[1:])!r}, dtype={copied.inputs[0].dtype!r}),".replace("'", '"')
        ]
        layers = [f"        {_layer(layer, sources)}," for layer in copied.layers]
        return [
            "    layers = [",
            *inputs,
            *layers,
            "    ]",
            "    return keras.Sequential(layers)",
        ]
    return _functional(copied, sources)


def _functional(model: Any, sources: Sources) -> list[str]:
    config = model.get_config()
    layers = {layer.name: layer for layer in model.layers}
    names: dict[str, str] = {}
    lines: list[str] = []
    chain = _is_chain(config["layers"])
    for described in config["layers"]:
        if described["name"] not in layers:
            raise EjectError(
                "a network applies an operation that is no layer.",
                where=f"the network `{model.name}`",
                got=f'"{described["name"]}", {described["class_name"]}',
                do="put it into a layer of your own, or use one of Keras' layers.",
            )
        layer = layers[described["name"]]
        if len(described["inbound_nodes"]) > 1:
            raise EjectError(
                "a layer is called more than once in a network.",
                where=f'layer "{layer.name}"',
                got=f"{len(described['inbound_nodes'])} calls",
                do="call each layer once.",
            )
        is_input = isinstance(layer, keras.layers.InputLayer)
        number = "" if chain else f"_{len(names) + 1}"
        names[layer.name] = f"{'inputs' if is_input else 'hidden'}{number}"
        if is_input:
            shape = tuple(layer.batch_shape[1:])
            lines.append(f'    {names[layer.name]} = keras.Input({shape!r}, dtype="{layer.dtype}")')
            continue
        node = described["inbound_nodes"][0]
        given = ", ".join(_argument(value, names, layer.name) for value in node["args"])
        lines.append(f"    {names[layer.name]} = {_layer(layer, sources)}({given})")
    inputs, outputs = (_references(config[which], names) for which in ("input_layers", "output_layers"))
    return [*lines, f"    return keras.Model({inputs}, {outputs})"]


def _is_chain(described: Any) -> bool:
    """Whether each layer but the first gets the output of the one before it, and nothing else."""
    for before, layer in itertools.pairwise(described):
        given = [node["args"] for node in layer["inbound_nodes"]]
        alone = len(given) == 1 and len(given[0]) == 1 and isinstance(given[0][0], dict)
        if not alone or given[0][0].get("config", {}).get("keras_history", [""])[0] != before["name"]:
            return False
    return bool(described)


def _references(value: Any, names: dict[str, str]) -> str:
    if isinstance(value, list | tuple) and len(value) == 3 and isinstance(value[0], str):
        return names[value[0]]
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{name}": {_references(member, names)}' for name, member in value.items()) + "}"
    found = [_references(member, names) for member in value]
    return f"[{', '.join(found)}]"


def _argument(value: Any, names: dict[str, str], layer: str) -> str:
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return names[value["config"]["keras_history"][0]]
    if isinstance(value, list | tuple):
        return f"[{', '.join(_argument(member, names, layer) for member in value)}]"
    raise EjectError(
        "a layer is called with something other than the outputs of layers.",
        where=f'layer "{layer}"',
        got=repr(value)[:200],
        do="call layers with tensors only.",
    )


def _layer(layer: Any, sources: Sources) -> str:
    if isinstance(layer, keras.Model):
        raise EjectError(
            "a network holds another one.",
            where=f'layer "{layer.name}"',
            got=type(layer).__name__,
            do="build one network of layers.",
        )
    if any(name == "dtype" for name, _ in configured(layer)):
        raise EjectError("a layer has its own precision.", where=layer.name, got=str(layer.dtype_policy), do="leave it out.")
    return constructor(layer, {}, sources)
