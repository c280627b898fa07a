"""The code that builds a network of Keras' layers."""

import itertools
import operator
import re
from collections.abc import Mapping
from typing import Any

import attrs
import keras

from gantape._tensorflow import sublayers
from gantape.ejection.functional import FunctionalCalls
from gantape.ejection.graph import configured, constructor
from gantape.ejection.source import Sources
from gantape.errors import EjectError, listed
from gantape.types import Model


@attrs.frozen(eq=False)
class Networks:
    """Writes the functions that build networks.

    Args:
        sources: The source of layers that Keras does not have.
        parts: The networks that are parts of the task. One may hold another, or end at a layer inside another.
    """

    sources: Sources
    parts: Mapping[str, Any]

    def body(self, model: Any) -> list[str]:
        """The body of the function that builds a model, from Keras' own layers and from the source of others.

        Raises:
            EjectError: If the source of a layer is not available, an operation is none of `keras.ops`, or a layer is shared.
        """
        names = {id(part): name for name, part in self.parts.items()}
        whole = _whole(model, self.parts)
        if whole:
            layers = {layer.name: place for place, layer in enumerate(self.parts[whole].layers)}
            made = {(name, 0): f"{whole}.layers[{place}].output" for name, place in layers.items()}
            outputs = FunctionalCalls(model, {}, made).outputs(model.get_config()["output_layers"])
            return [f"    return keras.Model({whole}.inputs, {outputs})"]
        if not isinstance(model, keras.Sequential) and "layers" not in _config(model):
            return self._own_class(model)
        lines: list[str] = []
        code: dict[str, str] = {}
        for layer in model.layers:
            if id(layer) in names:
                code[layer.name] = names[id(layer)]
            elif isinstance(layer, keras.Model):
                name = _fresh(f"build_{re.sub(r'_[0-9]+$', '', layer.name)}", code.values())
                lines += [f"    def {name}():", *(f"    {line}" if line else "" for line in self.body(layer)), ""]
                code[layer.name] = f"{name}()"
            elif not isinstance(layer, keras.layers.InputLayer):
                self._check_shared(layer, model)
                code[layer.name] = self._layer(layer)
        return [
            *lines,
            *(_sequential(model, code) if isinstance(model, keras.Sequential) else FunctionalCalls(model, code).lines()),
        ]

    def _layer(self, layer: Any) -> str:
        """The code that makes a layer."""
        if any(name == "dtype" for name, _ in configured(layer)):
            raise EjectError(
                "a layer has its own precision.", where=layer.name, got=str(layer.dtype_policy), do="leave it out."
            )
        return constructor(layer, {}, self.sources)

    def _check_shared(self, layer: Any, model: Any) -> None:
        owners = [
            name
            for name, part in self.parts.items()
            if layer.weights and any(one is layer for one in getattr(part, "layers", ())) and not _whole(part, self.parts)
        ]
        if len(owners) > 1:
            raise EjectError(
                "two networks share a layer.",
                where=f'layer "{layer.name}" in the network "{model.name}"',
                got=listed(owners),
                do="put shared layers into a network of their own, from a build_ method, and call it in both.",
            )

    def _own_class(self, model: Any) -> list[str]:
        """The lines for a layer, or for a model that is a class of its own, whose source is taken over."""
        if not isinstance(model, keras.Layer):
            raise EjectError(
                "a network is no model of Keras.",
                where=f"the network `{getattr(model, 'name', type(model).__name__)}`",
                got=type(model).__qualname__,
                do="build a sequential or functional model, or derive its class from keras.Model.",
            )
        made = constructor(model, {}, self.sources)
        called = "" if getattr(model, "inputs", None) else _called(model.get_build_config() or {})
        if not called:
            return [f"    return {made}"]
        return [f"    network = {made}", f"    network({called})", "    return network"]


def in_order(networks: Mapping[str, Model]) -> dict[str, Model]:
    """The networks, each after those that it holds, and those that end inside another last."""
    inside = {name: {id(layer) for layer in sublayers(model)} for name, model in networks.items()}
    held = {
        name: len(networks) if _whole(model, networks) else sum(id(other) in inside[name] for other in networks.values())
        for name, model in networks.items()
    }
    return {name: networks[name] for name in sorted(networks, key=lambda name: held[name])}


def _whole(model: Any, parts: Mapping[str, Any]) -> str | None:
    """The name of the network inside which a functional model ends; it has more layers, and the same inputs."""
    if not getattr(model, "inputs", None) or isinstance(model, keras.Sequential):
        return None
    layers = {id(layer) for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)}
    for name, part in parts.items():
        inputs = getattr(part, "inputs", None) or []
        same = len(inputs) == len(model.inputs) and all(map(operator.is_, inputs, model.inputs))
        if same and layers < {id(layer) for layer in part.layers if not isinstance(layer, keras.layers.InputLayer)}:
            return name
    return None


def _config(model: Any) -> Mapping[str, Any]:
    """The configuration of a model.

    Raises:
        EjectError: If it has none.
    """
    try:
        return dict(model.get_config())
    except (AttributeError, NotImplementedError) as error:
        raise EjectError(
            "a network says in no way how it is made.",
            where=f"the network `{getattr(model, 'name', type(model).__name__)}`",
            got=type(model).__qualname__,
            do="give its class a get_config that returns the arguments of __init__, or build a sequential or functional model.",
        ) from error


def _called(built: Mapping[str, Any]) -> str:
    """The arguments of a first call, which makes the weights, from the shapes with which a model was built."""
    shapes = built.get("shapes_dict", {"": built["input_shape"]} if "input_shape" in built else {})
    given = {name.removesuffix("_shape"): _inputs_of(shape) for name, shape in shapes.items()}
    return ", ".join(f"{name}={code}" if name else code for name, code in given.items())


def _inputs_of(shape: Any) -> str:
    if isinstance(shape, Mapping):
        return "{" + ", ".join(f'"{name}": {_inputs_of(member)}' for name, member in shape.items()) + "}"
    if shape and isinstance(shape[0], list | tuple):
        return f"[{', '.join(map(_inputs_of, shape))}]"
    return f"keras.Input({tuple(shape[1:])!r})"


def _fresh(name: str, taken: Any) -> str:
    plain = re.sub(r"\W", "_", name)
    numbered = itertools.chain([plain], (f"{plain}_{number}" for number in itertools.count(2)))
    return next(one for one in numbered if f"{one}()" not in taken)


def _sequential(model: Any, code: Mapping[str, str]) -> list[str]:
    shape = f"        keras.Input({tuple(model.input_shape[1:])!r}, dtype={model.inputs[0].dtype!r}),".replace("'", '"')
    layers = [f"        {code[layer.name]}," for layer in model.layers]
    return ["    layers = [", shape, *layers, "    ]", "    return keras.Sequential(layers)"]
