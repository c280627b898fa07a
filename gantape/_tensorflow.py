"""Every private name of TensorFlow and Keras that gantape uses, each with the reason.

They are those of TensorFlow 2.21 and Keras 3.15. Only `gantape.layers.BatchNorm` overrides a private method besides.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from keras.src.losses import loss as keras_loss
from tensorflow.python.ops import control_flow_util


def in_xla() -> bool:
    """Whether the code that is traced now is compiled by XLA, for which TensorFlow has no public name."""
    return not tf.executing_eagerly() and control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


@contextlib.contextmanager
def unscaled_losses() -> Iterator[None]:
    """A context in which Keras' loss objects do not divide by the number of replicas.

    Those of Keras do, its loss functions do not, and nobody else's loss does: gantape takes means of all alike.
    """
    scale = keras_loss.scale_loss_for_distribution
    keras_loss.scale_loss_for_distribution = lambda value: value
    try:
        yield
    finally:
        keras_loss.scale_loss_for_distribution = scale


@contextlib.contextmanager
def without_merge_call(strategy: Any) -> Iterator[None]:
    """A context in which optimizers of Keras do not leave the replica before they apply gradients.

    They insist on it (in `maybe_merge_call`) outside of replicas too, where there is none to leave, unless they are told that
    there is no need: TensorFlow's own tests tell them so as well.
    """
    extended = strategy.extended
    extended._use_merge_call = lambda: False
    try:
        yield
    finally:
        del extended._use_merge_call


def shuffle_seeds(dataset: Any) -> list[tuple[int, int]]:
    """The seeds of all shuffles on the way to a `tf.data.Dataset`, (0, 0) for none. There is no public way to ask."""
    own = [(int(dataset._seed), int(dataset._seed2))] if hasattr(dataset, "_seed2") else []
    return own + [seed for source in dataset._inputs() for seed in shuffle_seeds(source)]
