"""Variables that would be made in the first step, made before it."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from loguru import logger

from gantape._tensorflow import builds_late, with_autograph
from gantape.distribute.replicas import run_per_replica
from gantape.errors import TaskError, listed
from gantape.random.rng import RandomStreams
from gantape.steps.saved import variables_restored
from gantape.tasks.holdings import holdings_of
from gantape.tasks.task import Task
from gantape.types import Batch, Tensor, Variable


def make_late_variables(task: Task, batch: Batch, seed: int, *, saved: bool) -> None:
    """Make the variables that metrics and layers would make in the first step, by tracing the losses once; nothing is run.

    Metrics such as `keras.metrics.F1Score` make variables of the shape of what they see. Nothing is traced if no layer and no
    metric makes variables late.

    Args:
        task: The task.
        batch: A batch of its data.
        seed: The run's seed.
        saved: Whether the task is to be saved: a resumed run has no batch when it restores its layers.

    Raises:
        TaskError: If a layer makes variables, and the task is to be saved.
    """
    held = holdings_of(task)
    unbuilt = any(isinstance(thing, keras.Layer) and not thing.built for thing in held.objects.values())
    if not unbuilt and not any(builds_late(metric) for path, metric in held.metrics.items() if path.startswith("metrics/")):
        return
    arguments: dict[str, Any] = {}

    def losses(batch: Batch, step: Tensor) -> None:
        for update in task.updates():
            found = with_autograph(update.loss)(batch, RandomStreams(seed, step).stream(update.name)).metrics
            arguments.update({name: tf.nest.map_structure(_spec, values) for name, values in found.items()})

    traced = _trace(lambda *inputs: run_per_replica(losses, *inputs), tf.nest.map_structure(_spec, batch), _STEP)
    late = [name for name in holdings_of(task).without_metrics() if name not in held.variables]
    if late and (saved or not traced):
        raise TaskError(
            "a layer makes variables in its first call: a resumed run could not restore them.",
            where=type(task).__name__,
            got=listed(late),
            do="begin its model with keras.Input(shape=...), or call it once, where it is built.",
        )
    if not traced:
        _undone(list(held.variables.values()), lambda: losses(batch, tf.constant(0, tf.int64)))
    for metrics in (task.metrics, task.evaluation_metrics):
        # Keras creates variables that a metric makes in this scope at its end, and forgets what is assigned in it.
        with keras.StatelessScope():
            _trace(metrics.update, {name: values for name, values in arguments.items() if name in metrics.names})


_STEP = tf.TensorSpec([], tf.int64)


def _trace(function: Callable[..., None], *arguments: Any) -> bool:
    """Trace a function; returns whether that was possible. If not, the first step will say why, or run in eager mode."""
    try:
        tf.function(function).get_concrete_function(*arguments)
    except Exception as error:
        logger.debug("not traced before the first step: {}", error)
        return False
    return True


def _undone(variables: Sequence[Variable], function: Callable[[], None]) -> None:
    """Call a function that only runs in eager mode, and restore the variables that it changes."""
    with variables_restored(variables):
        try:
            function()
        except Exception as error:
            logger.debug("not run before the first step: {}", error)


def _spec(leaf: Any) -> Any:
    return tf.TensorSpec(leaf.shape, leaf.dtype) if tf.is_tensor(leaf) else leaf
