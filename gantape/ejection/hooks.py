"""Replaces the public functions of TensorFlow and Keras for the time of a trace."""

import contextlib
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from gantape._tensorflow import layer_calls
from gantape.ejection.trace import Trace, user_line
from gantape.errors import EjectError
from gantape.steps.shared import SharedPass

MODULES = {"tf": tf, "tf.nn": tf.nn, "tf.math": tf.math, "tf.linalg": tf.linalg, "tf.image": tf.image, "tf.signal": tf.signal}
KERAS_MODULES = {"keras.ops": keras.ops, "keras.losses": keras.losses, "keras.activations": keras.activations}
BINARY = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@"}
COMPARED = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
LOGICAL = {"and": "&", "or": "|", "xor": "^"}
UNARY = {"__neg__": "-{}", "__abs__": "abs({})", "__invert__": "~{}"}
READ = ("__bool__", "__float__", "__int__", "__index__", "__len__", "__iter__", "__array__", "numpy")
OPAQUE = ("cond", "while_loop", "map_fn", "scan", "switch_case", "case", "py_function", "numpy_function")
STATIC = ("is_tensor", "get_static_value", "executing_eagerly", "as_dtype", "function")


@contextlib.contextmanager
def recording(trace: Trace) -> Iterator[None]:
    """A context in which calls of tf, of keras, of layers and of operators are recorded. Everything is put back afterwards."""
    eager = type(tf.constant(0)).__mro__[1]  # the class of eager tensors that is written in Python
    with contextlib.ExitStack() as stack:
        for prefix, module in {**MODULES, **KERAS_MODULES}.items():
            for name, value in list(vars(module).items()):
                if isinstance(value, types.FunctionType) and not name.startswith("_") and name not in STATIC:
                    _replace(stack, module, name, _recorded(trace, value, f"{prefix}.{name}"))
        _replace(stack, tf, "GradientTape", _tapes(trace, tf.GradientTape))
        _replace(stack, keras.losses.Loss, "__call__", _recorded_loss(trace, keras.losses.Loss.__call__))
        for owner in (tf.Tensor, tf.Variable):
            for kind, sign in {**BINARY, **COMPARED, **LOGICAL}.items():
                for name in (f"__{kind}__", f"__r{kind}__"):
                    if hasattr(owner, name):
                        _replace(stack, owner, name, _operator(trace, getattr(owner, name), sign, name == f"__r{kind}__"))
            for name, code in UNARY.items():
                _replace(stack, owner, name, _unary(trace, getattr(owner, name), code))
            _replace(stack, owner, "__getitem__", _item(trace, vars(owner)["__getitem__"]))
        _replace(stack, keras.Variable, "assign", _assignment(trace, keras.Variable.assign))
        for name in READ:
            owner = eager if name in vars(eager) else tf.Tensor
            if name in vars(owner):
                _replace(stack, owner, name, _refused(trace, vars(owner)[name], name))
        _replace(stack, SharedPass, "__call__", _shared(trace))
        stack.enter_context(layer_calls(functools.partial(_layer, trace)))
        yield


def _replace(stack: contextlib.ExitStack, owner: Any, name: str, value: Any) -> None:
    own = name in vars(owner)
    before = vars(owner).get(name)
    setattr(owner, name, value)
    stack.callback(setattr, owner, name, before) if own else stack.callback(delattr, owner, name)


def _recorded(trace: Trace, function: Any, code: str) -> Any:
    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if code.rpartition(".")[2] in OPAQUE and not trace.depth:
            raise EjectError(
                "a function that calls others cannot be written out.",
                where=user_line(),
                got=code,
                do="use operations on whole tensors.",
            )
        return trace.call(function, code, arguments, keywords)

    return call


def _recorded_loss(trace: Trace, function: Any) -> Any:
    @functools.wraps(function)
    def call(loss: Any, *arguments: Any, **keywords: Any) -> Any:
        if trace.depth:
            return function(loss, *arguments, **keywords)
        name = _part_name(trace, loss, "loss")
        return trace.call(functools.partial(function, loss), name, arguments, keywords)

    return call


def _layer(trace: Trace, layer: Any, call: Any, arguments: Any, keywords: Any) -> Any:
    if trace.depth:
        return call(*arguments, **keywords)
    return trace.call(call, _part_name(trace, layer, "layer"), arguments, keywords, pure=False)


def _shared(trace: Trace) -> Any:
    def call(shared: Any, batch: Any, make: Any) -> Any:
        if shared.models:
            raise EjectError(
                "updates that share a forward pass through which gradients flow cannot be written out.",
                where=user_line(),
                got="a call of gantape.SharedPass with models",
                do="make the pass in each loss; an adversarial task does so with shared_examples=False.",
            )
        passes = trace.passes
        key = id(shared), trace.node_of(tf.nest.flatten(batch)[0]).template
        if key not in passes.made:
            passes.made[key] = passes.update, make(), []
        update, results, names = passes.made[key]
        if update is passes.update:
            return results
        if (
            any(one.every > 1 or one.gradient_options.accumulate > 1 for one in (update, passes.update))
            or passes.update.repeats > 1
        ):
            raise EjectError(
                "updates that share a forward pass have other batches or steps.",
                where=user_line(),
                got=f'updates "{update.name}" and "{passes.update.name}"',
                do="make the pass in each loss, or leave out `every`, `repeats` and `accumulate`.",
            )
        with trace.silent():
            copies = tf.nest.map_structure(tf.stop_gradient, results)
        for copy, name in zip(tf.nest.flatten(copies), names, strict=True):
            trace.input(copy, name)
        passes.used.extend(names)
        return copies

    return call


def _assignment(trace: Trace, function: Any) -> Any:
    @functools.wraps(function)
    def assign(variable: Any, value: Any) -> Any:
        if trace.depth:
            return function(variable, value)
        name = _part_name(trace, variable, "variable")
        with trace.silent():
            result = function(variable, value)
        operands: list[Any] = []
        trace.record(f"{name}.assign({trace.code(value, operands)})", operands, None, pure=False)
        return result

    return assign


def _part_name(trace: Trace, part: Any, kind: str) -> str:
    if id(part) not in trace.names:
        raise EjectError(
            f"the loss uses a {kind} that is no part of the task.",
            where=user_line(),
            got=f"{type(part).__name__} {getattr(part, 'name', '')}",
            do="return it from a build_ method.",
        )
    return trace.names[id(part)]


def _tapes(trace: Trace, original: Any) -> Any:
    def make(persistent: bool = False, watch_accessed_variables: bool = True) -> Any:
        tape = original(persistent=persistent, watch_accessed_variables=watch_accessed_variables)
        if trace.depth:
            return tape
        options = {"persistent": True} if persistent else {}
        return trace.tape(tape, options if watch_accessed_variables else options | {"watch_accessed_variables": False})

    return make


def _operator(trace: Trace, function: Any, sign: str, reflected: bool) -> Any:
    def code(operands: list[Any], tensor: Any, other: Any) -> str:
        left, right = (trace.code(side, operands) for side in ((other, tensor) if reflected else (tensor, other)))
        return f"{left} {sign} {right}"

    return _method(trace, function, code, neutral={"+": 0, "*": 1}.get(sign))


def _unary(trace: Trace, function: Any, template: str) -> Any:
    return _method(trace, function, lambda operands, tensor, *_: template.format(trace.code(tensor, operands)))


def _item(trace: Trace, function: Any) -> Any:
    def code(operands: list[Any], tensor: Any, key: Any, *_: Any) -> str:
        read = trace.code(tensor, operands)
        keys = key if isinstance(key, tuple) else (key,)
        return f"{read}[{', '.join(_sliced(trace, one, operands) for one in keys)}]"

    return _method(trace, function, code)


def _method(trace: Trace, function: Any, code: Callable[..., str], neutral: int | None = None) -> Any:
    """A method of tensors that is recorded as an operator.

    Args:
        trace: The trace.
        function: The method.
        code: The code of a call, from the list of its operands and the call's arguments.
        neutral: The number with which the method returns the tensor itself.
    """

    @functools.wraps(function)
    def call(tensor: Any, *rest: Any, **keywords: Any) -> Any:
        if trace.is_foreign(tensor):
            return function(tensor, *rest, **keywords)
        with trace.silent():
            result = function(tensor, *rest, **keywords)
        if result is NotImplemented:
            return result
        if neutral is not None and isinstance(rest[0], int | float) and rest[0] == neutral:
            trace.same(result, tensor)
            return result
        operands: list[Any] = []
        trace.record(code(operands, tensor, *rest), operands, result, operator=True)
        return result

    return call


def _sliced(trace: Trace, key: Any, operands: list[Any]) -> str:
    if not isinstance(key, slice):
        return trace.code(key, operands)
    ends = ["" if end is None else trace.code(end, operands) for end in (key.start, key.stop, key.step)]
    return ":".join(ends[: 2 if key.step is None else 3])


def _refused(trace: Trace, function: Any, name: str) -> Any:
    @functools.wraps(function)
    def call(tensor: Any, *arguments: Any, **keywords: Any) -> Any:
        if trace.depth or id(tensor) not in trace.known or (name in ("__iter__", "__len__") and tensor.shape.rank):
            return function(tensor, *arguments, **keywords)
        raise EjectError(
            "Python reads a number out of a tensor, which differs from batch to batch.",
            where=user_line(),
            got=f"{name} of a tensor of shape {tuple(tensor.shape)}",
            do="compute with tensors throughout: tf.where instead of if, no float(), bool() or numpy().",
        )

    return call
