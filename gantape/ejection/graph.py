"""The recorded calls of a loss, and their Python code."""

import inspect
import keyword
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import keras
import numpy as np
import tensorflow as tf

from gantape.ejection.source import Sources
from gantape.errors import EjectError
from gantape.layers.conversion import PLAIN

MODULES = {
    "keras.layers": keras.layers,
    "keras.optimizers": keras.optimizers,
    "keras.optimizers.schedules": keras.optimizers.schedules,
    "keras.losses": keras.losses,
    "keras.metrics": keras.metrics,
    "keras.initializers": keras.initializers,
    "keras.regularizers": keras.regularizers,
    "keras.constraints": keras.constraints,
}


@attrs.define(eq=False)
class Node:
    """One recorded call.

    Args:
        template: Its code, with `{}` for each operand.
        operands: What stands there: nodes, and finished code.
        block: The blocks around it, outermost first.
        pure: Whether it may be left out if nothing uses it, and be written where its result is used.
        operator: Whether it is an operator, whose operands need brackets.
        name: The author's name for the result.
        uses: How often its result is used.
        comment: The author's comment above the statement.
    """

    template: str
    operands: tuple[Any, ...]
    block: tuple[str, ...]
    pure: bool = True
    operator: bool = False
    name: str = ""
    uses: int = 0
    comment: tuple[str, ...] = ()


@attrs.define(eq=False)
class Block:
    """A block in the code: a tape, or a condition.

    Args:
        head: Its first line, without the colon.
        block: The blocks around it, outermost first.
        result: What a condition computes; it is 0 where the condition is not met.
    """

    head: str
    block: tuple[str, ...]
    result: Node | None = None


def code_of(
    nodes: Sequence[Node | Block], outputs: Sequence[Any], taken: Sequence[str], given: Mapping[int, str]
) -> tuple[list[str], list[str]]:
    """The lines of the recorded calls, and the code of each output.

    Args:
        nodes: The calls in their order.
        outputs: Nodes that are needed.
        taken: Names that are used otherwise.
        given: The names of the inputs, by the identity of their nodes.
    """
    for node in nodes:
        if isinstance(node, Node):
            node.uses = 0
    _count(nodes, outputs)
    names = dict(given)
    known, lines = set(taken), []
    inlined: set[int] = set()
    waiting: list[tuple[str, ...]] = []
    written: set[tuple[str, ...]] = set()
    kept = [node for node in nodes if isinstance(node, Block) or not node.pure or node.uses]
    for node in kept:
        indent = "    " * len(node.block)
        if isinstance(node, Block):
            if node.result is not None:
                names[id(node.result)] = _fresh(node.result.name, known)
                lines.append(f"{indent}{names[id(node.result)]} = 0.0")
            lines.append(f"{indent}{node.head}:")
            continue
        inline = node.pure and node.uses == 1 and not node.name and not any(node is output for output in outputs)
        if node.comment and node.comment not in written:
            written.add(node.comment)
            waiting.append(node.comment)
        parts = (_operand(part, names, inlined, node) if isinstance(part, Node) else part for part in node.operands)
        text = node.template.format(*parts)
        if inline and _used_in_block(kept, node):
            names[id(node)] = text
            inlined |= {id(node)} if node.operator and not node.template.startswith("{}[") else set()
            continue
        lines += [f"{indent}{line}" for comment in waiting for line in comment]
        waiting.clear()
        if not node.uses:
            lines.append(f"{indent}{text}")
        else:
            if id(node) not in names:
                names[id(node)] = _fresh(node.name or "value", known)
            lines.append(f"{indent}{names[id(node)]} = {text}")
    return lines, [names[id(output)] for output in outputs]


def _operand(part: Node, names: Mapping[int, str], inlined: set[int], user: Node) -> str:
    return f"({names[id(part)]})" if user.operator and id(part) in inlined else names[id(part)]


def _count(nodes: Sequence[Node | Block], outputs: Sequence[Any]) -> None:
    for output in outputs:
        output.uses += 1
    for node in reversed(nodes):
        if isinstance(node, Node) and (node.uses or not node.pure):
            for part in node.operands:
                if isinstance(part, Node):
                    part.uses += 1


def _used_in_block(nodes: Sequence[Node | Block], made: Node) -> bool:
    users = [node for node in nodes if isinstance(node, Node) and any(part is made for part in node.operands)]
    return all(user.block == made.block for user in users)


def _fresh(name: str, known: set[str]) -> str:
    name = f"{name}_" if keyword.iskeyword(name) or name in ("tf", "np", "keras") else name
    numbered = (name if number == 1 else f"{name}_{number}" for number in range(1, len(known) + 3))
    found = next(candidate for candidate in numbered if candidate not in known)
    known.add(found)
    return found


def literal(value: Any, where: str, constants: dict[int, str]) -> str:
    """The code of a value that is no tensor.

    Args:
        value: The value.
        where: The user's line, in errors.
        constants: The names of constants, by the identity of their values.

    Raises:
        EjectError: If it has no code.
    """
    if isinstance(value, float) and id(value) in constants:
        return constants[id(value)]
    if isinstance(value, tf.DType):
        return f"tf.{value.name}"
    if isinstance(value, tf.TensorShape):
        return repr(value.as_list())
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray) and value.size <= 16:
        return f"np.array({value.tolist()!r}, np.{value.dtype})"
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    if value is None or value is Ellipsis or isinstance(value, bool | int | float | str):
        return "..." if value is Ellipsis else _quoted(value)
    if isinstance(value, slice):
        return f"slice({value.start!r}, {value.stop!r}, {value.step!r})"
    raise EjectError(
        "a value in the loss cannot be written as code.",
        where=where,
        got=f"{type(value).__name__}: {value!r}"[:300],
        do="compute it with operations of TensorFlow from the batch, from random streams or from numbers.",
    )


def _quoted(value: Any) -> str:
    if not isinstance(value, str):
        return repr(value)
    return f'"{value}"' if repr(value) == f"'{value}'" and '"' not in value else repr(value)


def configured(part: Any) -> Iterator[tuple[str, Any]]:
    """The arguments with which a layer, optimizer, loss or metric of Keras differs from one made with its defaults."""
    config = _configuration(part)
    required = {name: config[name] for name in _required(type(part)) if name in config}
    plain = _configuration(type(part).from_config(dict(required)))  # a wrapper takes its layer out of it
    for name, value in config.items():
        if name in required or (value != plain.get(name) and name not in ("name", "dtype", "batch_shape")):
            yield name, value


def _configuration(part: Any) -> dict[str, Any]:
    """The configuration, with what some losses of Keras leave out of it, such as the `delta` of `Huber`; functions as such."""
    given = {name: value for name, value in getattr(part, "_fn_kwargs", {}).items() if name in _parameters(type(part))}
    config = given | part.get_config()
    functions = {name: getattr(part, name, None) for name, value in config.items() if isinstance(value, dict)}
    return config | {name: value for name, value in functions.items() if isinstance(value, types.FunctionType)}


def _parameters(cls: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(cls).parameters


def _required(cls: type) -> list[str]:
    return [one.name for one in _parameters(cls).values() if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]


def constructor(part: Any, constants: dict[int, str], sources: Sources) -> str:
    """The code that makes a layer, optimizer, loss or metric; for a faster layer, the layer of Keras.

    The source of a class that Keras does not have is taken over.

    Raises:
        EjectError: If this source is not available.
    """
    if type(part) in PLAIN:
        part = PLAIN[type(part)].from_config(part.get_config())
    cls, made = type(part), ""
    for name, module in MODULES.items():
        if getattr(module, cls.__name__, None) is cls:
            made = f"{name}.{cls.__name__}"
    made = made or sources.add(cls)
    arguments = (f"{name}={_value(_short(name, value), constants, sources)}" for name, value in configured(part))
    return f"{made}({', '.join(arguments)})"


def _short(name: str, value: Any) -> Any:
    """One number for sizes that are the same in all dimensions."""
    same = name in ("kernel_size", "strides", "pool_size") and isinstance(value, list | tuple) and len(set(value)) == 1
    return value[0] if same else value


def _value(value: Any, constants: dict[int, str], sources: Sources) -> str:
    if isinstance(value, dict) and "class_name" in value:
        return constructor(keras.saving.deserialize_keras_object(value), constants, sources)
    if isinstance(value, types.FunctionType):
        return sources.add(value)
    if isinstance(value, list | tuple):
        inner = ", ".join(_value(member, constants, sources) for member in value)
        return f"({inner}{',' if len(value) == 1 else ''})"
    if isinstance(value, float) and id(value) not in constants and np.float32(value) == value:
        return repr(float(str(np.float32(value))))  # Keras keeps numbers such as learning rates in single precision
    return literal(value, "the configuration of a part", constants)
