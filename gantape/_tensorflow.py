"""Whether XLA compiles the code that is traced now."""

import tensorflow as tf
from tensorflow.python.ops import control_flow_util  # TensorFlow 2.21 has no public name for what `in_xla` asks


def in_xla() -> bool:
    """Whether the code that is traced now is compiled by XLA."""
    return not tf.executing_eagerly() and control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
