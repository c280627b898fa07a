"""The code that builds a network of Keras' layers."""

import itertools
import operator
import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import keras

from gantape._tensorflow import sublayers
from gantape.ejection.graph import configured, constructor, literal
from gantape.ejection.source import Sources
from gantape.errors import EjectError, listed
from gantape.layers.conversion import PLAIN
from gantape.types import Model

AUTOMATIC = re.compile(r"(input_layer|keras_tensor)(_\d+)?")
"""The names of inputs to which the author gave none."""


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
            outputs = _Calls(model, {}, made).outputs(model.get_config()["output_layers"])
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
        return [*lines, *(_sequential(model, code) if isinstance(model, keras.Sequential) else _Calls(model, code).lines())]

    def _layer(self, layer: Any) -> str:
        """The code that makes a layer; for a faster one, that of Keras."""
        faster = PLAIN.get(type(layer))
        layer = layer if faster is None else faster.from_config(layer.get_config())
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
        """The lines for a model that is a class of its own, whose source is taken over."""
        built = model.get_build_config() if isinstance(model, keras.Layer) else None
        if not isinstance(model, keras.Layer) or not model.built:
            raise EjectError(
                "a network is no model of Keras that has been built.",
                where=f"the network `{getattr(model, 'name', type(model).__name__)}`",
                got=type(model).__qualname__,
                do="build a sequential or functional model, or a class of your own that has its shapes when the task is made.",
            )
        called = "" if getattr(model, "inputs", None) else _called(built or {})
        return [
            f"    network = {constructor(model, {}, self.sources)}",
            *([f"    network({called})"] if called else []),
            "    return network",
        ]


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


class _Calls:
    """The calls of layers and operations of which a functional model consists, and their code.

    Args:
        model: The model.
        code: The code that makes each layer, by its name.
        made: The code of what calls of layers return that have been written.
    """

    def __init__(self, model: Any, code: Mapping[str, str], made: Mapping[tuple[str, int], str] | None = None) -> None:
        self._model = model
        self._code = code
        self._config = model.get_config()
        self._operations = {operation.name: operation for operation in model.operations}
        self._names = dict(made or {})  # of what each call of each layer returns

    def lines(self) -> list[str]:
        """The body of the function that builds the model."""
        chain = _is_chain(self._config["layers"])
        calls = [
            (described["name"], place, node)
            for described in self._config["layers"]
            for place, node in enumerate(described["inbound_nodes"] or [None])
        ]
        lines: list[str] = []
        while calls:
            call = next(one for one in calls if all(key in self._names for key in _tensors(one[2])))
            calls.remove(call)
            layer, place, node = call
            name = f"{'hidden' if node else 'inputs'}{'' if chain else f'_{len(self._names) + 1}'}"
            lines += [f"    {line}" for line in self._call(name, layer, node, alone=self._calls_of(layer) < 2)]
            self._names[layer, place] = name
        inputs, outputs = (self.outputs(self._config[which]) for which in ("input_layers", "output_layers"))
        return [*lines, f"    return keras.Model({inputs}, {outputs})"]

    def _calls_of(self, layer: str) -> int:
        return sum(len(described["inbound_nodes"]) for described in self._config["layers"] if described["name"] == layer)

    def _call(self, name: str, layer: str, node: Any, *, alone: bool) -> Iterator[str]:
        """The lines that call a layer or an operation; a layer that is called several times is made before its first call."""
        operation = self._operations[layer]
        if node is None:
            named = "" if AUTOMATIC.fullmatch(layer) else f', name="{layer}"'
            yield f'{name} = keras.Input({tuple(operation.batch_shape[1:])!r}, dtype="{operation.dtype}"{named})'
            return
        if type(operation).__name__ == "GetItem" and len(node["args"]) == 2:
            yield f"{name} = {self._argument(node['args'][0], layer)}[{_index(node['args'][1])}]"
            return
        given = [self._argument(value, layer) for value in node["args"]]
        keywords = {key: self._argument(value, layer) for key, value in node["kwargs"].items() if value is not None}
        if not isinstance(operation, keras.Layer):
            yield f"{name} = {_operation(operation, given, keywords)}"
            return
        made = self._code[layer]
        if not alone and not made.isidentifier():
            made = re.sub(r"\W", "_", layer)
            if not any(key == layer for key, _ in self._names):
                yield f"{made} = {self._code[layer]}"
        yield f"{name} = {made}({', '.join([*given, *(f'{key}={value}' for key, value in keywords.items())])})"

    def _argument(self, value: Any, layer: str) -> str:
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            return self._tensor(*value["config"]["keras_history"])
        if isinstance(value, dict) and "class_name" not in value:
            inner = (f'"{key}": {self._argument(member, layer)}' for key, member in value.items())
            return "{" + ", ".join(inner) + "}"
        if isinstance(value, list | tuple):
            return f"[{', '.join(self._argument(member, layer) for member in value)}]"
        plain = keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
        return literal(plain, f'the call of "{layer}" in the network "{self._model.name}"', {})

    def outputs(self, value: Any) -> str:
        """The code of inputs or outputs of the model."""
        if isinstance(value, list | tuple) and len(value) == 3 and isinstance(value[0], str):
            name, place, index = value
            nested = isinstance(self._operations[name], keras.Model) and hasattr(self._operations[name], "operations")
            return self._tensor(name, place - 1 if nested else place, index)  # Keras counts the making of such a model there
        if isinstance(value, dict):
            return "{" + ", ".join(f'"{name}": {self.outputs(member)}' for name, member in value.items()) + "}"
        return f"[{', '.join(map(self.outputs, value))}]"

    def _tensor(self, layer: str, place: int, index: int) -> str:
        """The code of one of the tensors that a call returns."""
        returned = self._operations[layer].output
        if isinstance(returned, dict):
            return f'{self._names[layer, place]}["{sorted(returned)[index]}"]'
        return f"{self._names[layer, place]}[{index}]" if isinstance(returned, list | tuple) else self._names[layer, place]


def _tensors(value: Any) -> Iterator[tuple[str, int]]:
    """The layers, and their calls, whose outputs stand among the arguments of a call."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        name, place, _ = value["config"]["keras_history"]
        yield name, place
    elif isinstance(value, dict | list | tuple):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _tensors(member)


def _index(value: Any) -> str:
    """The code of an index, from its configuration."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_index, value))
    plain = keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
    if isinstance(plain, list | tuple):
        return ", ".join(map(_index, plain))
    if isinstance(plain, slice):
        start, stop, step = ("" if part is None else repr(part) for part in (plain.start, plain.stop, plain.step))
        return f"{start}:{stop}{f':{step}' if step else ''}"
    return literal(plain, "an index in a network", {})


def _operation(operation: Any, given: list[str], keywords: Mapping[str, str]) -> str:
    """The code of an operation of Keras on symbolic tensors, such as the sum of two outputs of layers."""
    kind = type(operation).__name__
    function = getattr(keras.ops, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower(), None)
    config = {name: value for name, value in operation.get_config().items() if name != "name"}
    if function is None or not type(operation).__module__.startswith("keras."):
        raise EjectError(
            "a network applies an operation that is no layer.",
            where=f'"{operation.name}" in a network',
            got=kind,
            do="put it into a layer of your own, or use one of Keras' layers.",
        )
    options = {name: literal(value, f"the operation {kind}", {}) for name, value in config.items() if value is not None}
    return f"keras.ops.{function.__name__}({', '.join([*given, *(f'{k}={v}' for k, v in (options | dict(keywords)).items())])})"


def _is_chain(described: Any) -> bool:
    """Whether each layer but the first gets the output of the one before it, and nothing else."""
    for before, layer in itertools.pairwise(described):
        given = [node["args"] for node in layer["inbound_nodes"]]
        alone = len(given) == 1 and len(given[0]) == 1 and isinstance(given[0][0], dict)
        if not alone or given[0][0].get("config", {}).get("keras_history", [""])[0] != before["name"]:
            return False
    return bool(described)
