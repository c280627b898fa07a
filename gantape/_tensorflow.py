"""All private APIs of TensorFlow and Keras that gantape uses, each with the reason.

The names are those of TensorFlow 2.21 and Keras 3.15. In addition, `gantape.layers.BatchNorm` overrides a private method.
"""

import contextlib
import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import keras
import tensorflow as tf
from keras.src import backend
from keras.src.losses import loss as keras_loss
from keras.src.ops.node import Node
from keras.src.utils.tracking import Tracker
from tensorflow.python.autograph.core import ag_ctx as autograph_context
from tensorflow.python.autograph.core import config as autograph
from tensorflow.python.eager import context as eager_context
from tensorflow.python.framework import op_callbacks
from tensorflow.python.ops import control_flow_util

F = TypeVar("F", bound=Callable[..., Any])

PACKAGE = __name__.partition(".")[0]

KERAS_BOOKKEEPING: tuple[type, ...] = (Node, Tracker)
"""What layers refer to besides what they hold: the layers that are called before and after them, and lists of their own."""

# AutoGraph turns Python's `if` and `for` on tensors into operations. gantape's own code has none, and converting it would take
# half of the time until the first step. There is no public API for rules.
autograph.CONVERSION_RULES = (autograph.DoNotConvert(PACKAGE), *autograph.CONVERSION_RULES)


def with_autograph(function: F) -> F:
    """A user's function as AutoGraph converts it, if a graph is being traced; else the function itself.

    AutoGraph follows calls from converted functions only, and gantape's are none: whatever calls a user's function converts it.
    """
    if tf.executing_eagerly():
        return function
    tools = tf.__internal__.autograph
    converted: F = tools.tf_convert(function, tools.control_status_ctx(), convert_by_default=False)
    return converted


def for_autograph(function: F) -> F:
    """A function of gantape's for `tf.function(..., autograph=False)`, which calls functions of users `with_autograph`.

    `tf.function` would convert the function itself, whatever the rules say.
    """

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        with autograph_context.ControlStatusCtx(autograph_context.Status.ENABLED):
            return function(*args)

    return cast(F, call)


class _Converted:
    """A method that AutoGraph converts while a graph is traced. It shows the closure, in which attrs corrects `super()`."""

    def __init__(self, method: Callable[..., Any]) -> None:
        functools.update_wrapper(self, method)  # type: ignore[arg-type]
        self.__closure__ = method.__closure__

    def __get__(self, owner: Any, cls: type) -> Any:
        return with_autograph(self.__wrapped__.__get__(owner, cls))  # type: ignore[attr-defined]


def convert_methods(cls: type) -> None:
    """Have AutoGraph convert the methods of a user's class wherever gantape calls them. gantape's classes stay as they are."""
    if cls.__module__.partition(".")[0] == PACKAGE:
        return
    fields = inspect.get_annotations(cls)  # whose defaults may be functions
    for name, value in list(vars(cls).items()):
        if inspect.isfunction(value) and name not in fields and (name == "__call__" or not name.startswith(("build_", "__"))):
            setattr(cls, name, _Converted(value))


def in_xla() -> bool:
    """Whether the code being traced is compiled by XLA. TensorFlow has no public API for this."""
    return not tf.executing_eagerly() and control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


@contextlib.contextmanager
def unscaled_losses() -> Iterator[None]:
    """A context in which Keras' loss objects do not divide by the number of replicas.

    Keras' loss objects do so, but neither its loss functions nor custom losses: gantape averages all of them alike.
    """
    scale = keras_loss.scale_loss_for_distribution
    keras_loss.scale_loss_for_distribution = lambda value: value
    try:
        yield
    finally:
        keras_loss.scale_loss_for_distribution = scale


@contextlib.contextmanager
def without_merge_call(strategy: Any) -> Iterator[None]:
    """A context in which Keras' optimizers apply gradients without `merge_call`.

    They call it (in `maybe_merge_call`) in cross-replica context too, where it fails, unless the strategy says that it is not
    needed. TensorFlow's own tests override the same method.
    """
    extended = strategy.extended
    extended._use_merge_call = lambda: False
    try:
        yield
    finally:
        del extended._use_merge_call


def copy_companions(source: Any, target: Any) -> None:
    """Give a tensor what Keras keeps beside another: its mask, and the logits of probabilities. No operation passes them on."""
    mask = backend.get_keras_mask(source)
    if mask is not None:
        backend.set_keras_mask(target, mask)
    if hasattr(source, "_keras_logits"):
        target._keras_logits = tf.cast(source._keras_logits, target.dtype)


_add_loss = keras.layers.Layer.add_loss
_thread = threading.local()


@functools.wraps(_add_loss)
def _record_loss(layer: Any, loss: Any) -> None:
    _add_loss(layer, loss)
    if not backend.in_stateless_scope():
        for recorded in getattr(_thread, "recording", ()):
            recorded.extend((layer, value) for value in tf.nest.flatten(loss))


# Keras clears the losses of a layer when the layer is called again, and has no hook for what is added. The replicas of a
# strategy take turns in threads of their own, so that a replacement for the time of a call could not be undone in order.
keras.layers.Layer.add_loss = tf.autograph.experimental.do_not_convert(_record_loss)


@contextlib.contextmanager
def recorded_losses() -> Iterator[list[tuple[Any, Any]]]:
    """A context that lists each loss that a layer adds, with the layer, in every call of this thread."""
    recorded: list[tuple[Any, Any]] = []
    before = getattr(_thread, "recording", ())
    _thread.recording = (*before, recorded)
    try:
        yield recorded
    finally:
        _thread.recording = before


@contextlib.contextmanager
def layer_calls(around: Callable[[Any, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]) -> Iterator[None]:
    """A context in which every call of a layer of Keras, models included, goes through a function.

    Args:
        around: `around(layer, call, arguments, keywords)`, which returns what the call is to return. The layer's own call is
            `call(*arguments, **keywords)`.
    """
    original = keras.layers.Layer.__call__

    @functools.wraps(original)
    def replacement(layer: Any, *arguments: Any, **keywords: Any) -> Any:
        return around(layer, functools.partial(original, layer), arguments, keywords)

    keras.layers.Layer.__call__ = tf.autograph.experimental.do_not_convert(replacement)
    try:
        yield
    finally:
        keras.layers.Layer.__call__ = original


@contextlib.contextmanager
def operations(follow: Callable[[str, Any, Any], Any]) -> Iterator[None]:
    """A context in which every operation that this thread runs or traces is shown to a function, as to TensorFlow's debugger.

    Args:
        follow: `follow(kind, inputs, outputs)`. While a graph is traced, it may return other outputs; else it returns `None`.
    """

    def callback(kind: str | bytes, inputs: Any, _: Any, outputs: Any, *__: Any, **___: Any) -> Any:
        return follow(tf.compat.as_str(kind), inputs, outputs)

    op_callbacks.add_op_callback(callback)
    try:
        yield
    finally:
        op_callbacks.remove_op_callback(callback)


@contextlib.contextmanager
def eager_seeds_restored() -> Iterator[None]:
    """A context after which TensorFlow gives operations that run eagerly the same seeds as before. It has no way to ask."""
    generator = getattr(eager_context.context(), "_rng", None)
    state = generator and generator.getstate()
    try:
        yield
    finally:
        if generator is not None:
            generator.setstate(state)


def shuffle_seeds(dataset: Any) -> list[tuple[int, int]]:
    """The seeds of all shuffles in a `tf.data.Dataset`, (0, 0) for a shuffle without. There is no public API for this."""
    own = [(int(dataset._seed), int(dataset._seed2))] if hasattr(dataset, "_seed2") else []
    return own + [seed for source in dataset._inputs() for seed in shuffle_seeds(source)]


def builds_late(metric: Any) -> bool:
    """Whether a metric may make variables in its next update. Those of Keras that do so say in `_built` whether they have."""
    return not metric.variables or not getattr(metric, "_built", type(metric).__module__.startswith("keras."))


def schedule_of(optimizer: Any) -> Any:
    """The schedule of an optimizer of Keras; `None` for a learning rate without. Its public `learning_rate` is a number."""
    rate = getattr(optimizer, "_learning_rate", None)
    return rate if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) else None


def known_variables(optimizer: Any) -> list[Any]:
    """The variables for which an optimizer of Keras was built. There is no public API for this."""
    return list(optimizer._trainable_variables)


def grow_optimizer(optimizer: Any, fresh: Any) -> None:
    """Make an optimizer of Keras one that was built for more variables, with the state that it has for its own.

    Keras builds an optimizer once. So the attributes of a fresh one are taken over, after the old values were copied: lists
    with an entry for each variable, dicts with a key for each, and single variables such as the learning rate.

    Args:
        optimizer: The optimizer.
        fresh: An optimizer of the same configuration, built for its variables and others.
    """
    places = {id(variable): place for place, variable in enumerate(fresh._trainable_variables)}
    own = [places[id(variable)] for variable in optimizer._trainable_variables]
    for name, old in vars(optimizer).items():
        new = vars(fresh).get(name)
        if isinstance(old, keras.Variable):
            new.assign(old)
        elif isinstance(old, dict):
            _copy({key: (value, new[key]) for key, value in old.items() if key in (new or {})})
        elif isinstance(old, list) and name != "_variables" and len(old) == len(own) and len(new or ()) == len(places):
            _copy({place: (value, new[place]) for value, place in zip(old, own, strict=True)})
    vars(optimizer).update(vars(fresh))


def _copy(pairs: dict[Any, tuple[Any, Any]]) -> None:
    for old, new in pairs.values():
        if isinstance(old, keras.Variable) and old is not new:
            new.assign(old)


def sublayers(model: Any) -> list[Any]:
    """A layer of Keras and all layers in it, at any depth; none for another object. There is no public API for this."""
    return list(model._flatten_layers()) if hasattr(model, "_flatten_layers") else []


def metrics_of(layer: Any) -> list[Any]:
    """The metrics among the attributes of a layer of Keras. The public `metrics` of a compiled model has others, too."""
    return list(layer._metrics)


def last_layer(model: Any) -> tuple[Any, Any, Any] | None:
    """The layer that makes the first output of a functional or sequential model of Keras, with the arguments of that call.

    `None` for other models. There is no public API for the call of a layer that made a tensor.
    """
    outputs = getattr(model, "outputs", None)
    if not outputs:
        return None
    history = outputs[0]._keras_history
    call = history.operation._inbound_nodes[history.node_index].arguments
    return history.operation, call.args, call.kwargs


def made_in_python(dataset: Any) -> bool:
    """Whether a `tf.data.Dataset` reads from a Python generator. There is no public API for this."""
    operations = [kind.type for function in dataset._functions() for kind in function.function.graph.get_operations()]
    return "GeneratorDataset" in operations or any(made_in_python(source) for source in dataset._inputs())


def repeats_shuffled(dataset: Any) -> bool:
    """Whether a `tf.data.Dataset` repeats another that is shuffled anew each time, with operations in between.

    If such an operation, like `batch`, reads the shuffled examples to their end before the repetition begins, a saved iterator
    has lost the order that comes next (TensorFlow 2.21). There is no public API for the operations of a dataset.
    """
    sources = dataset._inputs()
    if type(dataset).__name__ == "_RepeatDataset" and not hasattr(sources[0], "_seed2") and _reshuffles(sources[0]):
        return True
    return any(repeats_shuffled(source) for source in sources)


def _reshuffles(dataset: Any) -> bool:
    return bool(getattr(dataset, "_reshuffle_each_iteration", False)) or any(map(_reshuffles, dataset._inputs()))
