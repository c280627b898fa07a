"""The code of the calls of which a functional model consists."""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from gantape.ejection.graph import literal
from gantape.errors import EjectError

AUTOMATIC = re.compile(r"(input_layer|keras_tensor)(_\d+)?")
"""The names of inputs to which the author gave none."""


class FunctionalCalls:
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
