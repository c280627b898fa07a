"""All private APIs of TensorFlow and Keras that gantape uses, each with the reason.

The names are those of TensorFlow 2.21 and Keras 3.15. In addition, `gantape.layers.BatchNorm` overrides a private method.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tensorflow as tf
from keras.src.losses import loss as keras_loss
from tensorflow.python.autograph.core import config as autograph
from tensorflow.python.ops import control_flow_util

F = TypeVar("F", bound=Callable[..., Any])

PACKAGE = __name__.partition(".")[0]

# AutoGraph turns Python's `if` and `for` on tensors into operations. gantape's own code has none, and converting it would take
# half of the time until the first step. There is no public API for rules.
autograph.CONVERSION_RULES = (autograph.DoNotConvert(PACKAGE), *autograph.CONVERSION_RULES)


def with_autograph(function: F) -> F:
    """A user's function as AutoGraph converts it, if a graph is being traced; else the function itself.

    AutoGraph follows calls from a converted function only. gantape's functions are none, so whatever calls a user's function
    converts it.
    """
    if tf.executing_eagerly():
        return function
    tools = tf.__internal__.autograph
    converted: F = tools.tf_convert(function, tools.control_status_ctx(), convert_by_default=False)
    return converted


class _Converted:
    """A method that AutoGraph converts while a graph is traced.

    It shows the closure of the method, in which attrs corrects the class that `super()` uses.
    """

    def __init__(self, method: Callable[..., Any]) -> None:
        functools.update_wrapper(self, method)  # type: ignore[arg-type]
        self.__closure__ = method.__closure__

    def __get__(self, owner: Any, cls: type) -> Any:
        return with_autograph(self.__wrapped__.__get__(owner, cls))  # type: ignore[attr-defined]


def convert_methods(cls: type) -> None:
    """Have AutoGraph convert the methods of a user's class wherever gantape calls them. gantape's classes stay as they are."""
    if cls.__module__.partition(".")[0] == PACKAGE:
        return
    for name, value in list(vars(cls).items()):
        if inspect.isfunction(value) and (name == "__call__" or not name.startswith(("build_", "__"))):
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


def shuffle_seeds(dataset: Any) -> list[tuple[int, int]]:
    """The seeds of all shuffles in a `tf.data.Dataset`, (0, 0) for a shuffle without. There is no public API for this."""
    own = [(int(dataset._seed), int(dataset._seed2))] if hasattr(dataset, "_seed2") else []
    return own + [seed for source in dataset._inputs() for seed in shuffle_seeds(source)]
