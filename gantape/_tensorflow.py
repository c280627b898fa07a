"""All private APIs of TensorFlow and Keras that gantape uses, each with the reason.

The names are those of TensorFlow 2.21 and Keras 3.15. In addition, `gantape.layers.BatchNorm` overrides a private method.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from keras.src.losses import loss as keras_loss
from tensorflow.python.ops import control_flow_util


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
