"""Replicas on several devices: their rows of a batch, and means over them.

All functions ask TensorFlow for the strategy in whose scope they run. Without one, a function is simply called. A step runs in
the scope, in cross-replica context; only code that needs examples runs in each replica.

References:
    Goyal et al. 2017, arXiv 1706.02677, section 3 (a batch cut into parts, gradients averaged, is the whole batch's update).
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
import tensorflow as tf

from gantape._tensorflow import unscaled_losses, with_autograph, without_merge_call
from gantape.errors import DataError, HyperparameterError, TaskError, counted
from gantape.types import Batch, Tensor, Variable

STRATEGIES = (tf.distribute.OneDeviceStrategy, tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy)


@attrs.frozen
class Replica:
    """One of the copies of a model that learn together.

    Args:
        index: Its index among the replicas of all workers.
        count: How many replicas there are.
    """

    index: int
    count: int


def check_strategy(strategy: Any, mode: str) -> None:
    """Raise a `HyperparameterError` unless steps can run with a strategy in a mode.

    Args:
        strategy: A strategy, or `None` for one device.
        mode: How steps are compiled.

    Raises:
        HyperparameterError: If the strategy is not supported, or not in this mode.
    """
    if strategy is None:
        return
    if not isinstance(strategy, STRATEGIES):
        raise HyperparameterError(
            "this is not a strategy that gantape can train with.",
            where="gantape.StepCompiler, argument `strategy`",
            got=getattr(type(strategy), "__name__", repr(strategy)),
            do=f"give an instance of tf.distribute.{', '.join(kind.__name__ for kind in STRATEGIES[:-1])} or "
            "MultiWorkerMirroredStrategy: every replica holds all weights, and all do each step together.",
        )
    if mode not in ("graph", "eager", "auto"):
        raise HyperparameterError(
            "steps of several replicas are not compiled by XLA: TensorFlow 2.21 cannot compile what they exchange.",
            where="gantape.StepCompiler, arguments `mode` and `strategy`",
            got=f"{mode!r} with a {type(strategy).__name__}",
            do='choose mode="graph" (which "auto" does with a strategy), or "eager" to debug.',
        )


def check_made_in_scope(variables: Iterable[Variable], strategy: Any, where: str) -> None:
    """Raise a `TaskError` unless variables were created in the scope of a strategy, or, without one, for one device.

    Raises:
        TaskError: If one was not.
    """

    def made_here(variable: Variable) -> bool:
        if strategy is not None:
            return bool(strategy.extended.variable_created_in_scope(variable.value))
        return not hasattr(variable.value, "values")

    strangers = [variable.path for variable in variables if not made_here(variable)]
    if strangers and strategy is not None:
        raise TaskError(
            "a task for several devices is made in the scope of their strategy.",
            where=where,
            got=f"{', '.join(strangers[:3])}{' and others' if len(strangers) > 3 else ''}, made outside of it",
            do="write `with strategy.scope(): task = ...`, with the strategy that the compiler has.",
        )
    if strangers:
        raise TaskError(
            "a task that was made in the scope of a strategy is trained with it.",
            where=where,
            got=f"{', '.join(strangers[:3])}{' and others' if len(strangers) > 3 else ''}, made for several devices",
            do="give it to the compiler: gantape.StepCompiler(strategy=strategy).",
        )


def copies(variable: Variable) -> list[Any]:
    """The TensorFlow variables of a Keras variable: a copy for each device."""
    return list(getattr(variable.value, "values", None) or [variable.value])


def scope_of(strategy: Any) -> contextlib.AbstractContextManager[Any]:
    """The scope of a strategy; a null context for one device."""
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def run_per_replica(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in every replica, each with its part of the arguments; on one device, simply call it."""
    if not tf.distribute.has_strategy():
        return function(*arguments)
    with unscaled_losses():
        return tf.distribute.get_strategy().run(function, arguments)


def cross_replica() -> contextlib.AbstractContextManager[Any]:
    """A context in which an optimizer updates the variables of all replicas at once, by gradients averaged over them.

    In a replica, Keras 3.15 would sum the gradients of all replicas again, after clipping and scaling those of each.
    """
    return without_merge_call(tf.distribute.get_strategy()) if tf.distribute.has_strategy() else contextlib.nullcontext()


def this_replica() -> Replica | None:
    """The replica in which this code runs; `None` on one device, and in cross-replica context."""
    if not tf.distribute.has_strategy() or tf.distribute.in_cross_replica_context():
        return None
    context = tf.distribute.get_replica_context()
    return Replica(int(tf.get_static_value(context.replica_id_in_sync_group)), context.num_replicas_in_sync)


def replicas() -> int:
    """The number of replicas."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def all_reduce_mean(value: Tensor) -> Tensor:
    """In a replica, the mean of the values of all replicas; on one device, the value."""
    replica = this_replica()
    if replica is None or replica.count == 1:
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, value)


def shard(batch: Batch, prepare: Callable[[Batch], Batch]) -> Batch:
    """Each replica's rows of a stored batch, prepared on its device; on one device, the prepared batch.

    Raises:
        DataError: If the batch cannot be cut into equal parts.
    """
    if not tf.distribute.has_strategy():
        return with_autograph(prepare)(batch)
    count = replicas()
    for size in sorted({int(leaf.shape[0]) for leaf in tf.nest.flatten(batch)}):
        if size % count:
            raise DataError(
                "a batch cannot be cut into equal parts.",
                where="the data that a step reads",
                got=f"{counted(size, 'example')} in a batch for {count} replicas",
                do=f"choose a batch_size that is a multiple of {count}: it counts the examples of all replicas.",
            )
    # Cut before the rows are sent to the devices; parts that no replica of this worker uses are not computed.
    parts = [tf.nest.map_structure(functools.partial(_part, place=place, count=count), batch) for place in range(count)]

    def part() -> Batch:
        replica = this_replica()
        return with_autograph(prepare)(parts[0 if replica is None else replica.index])

    return run_per_replica(part)


def _part(leaf: Tensor, place: int, count: int) -> Tensor:
    rows = leaf.shape[0] // count
    return leaf[place * rows : (place + 1) * rows]


def mean_of(value: Any) -> Any:
    """The mean of the replicas' values; on one device, the value."""
    if not tf.distribute.has_strategy():
        return value
    return tf.distribute.get_strategy().reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)


def examples_in(batch: Batch) -> int:
    """The number of examples in a batch, whole or cut into the parts of replicas."""
    leaf = tf.nest.flatten(batch)[0]
    if not tf.distribute.has_strategy():
        return int(leaf.shape[0])
    return int(tf.distribute.get_strategy().experimental_local_results(leaf)[0].shape[0]) * replicas()


def mean_of_replicas(
    function: Callable[..., tuple[dict[str, Any], list[Any]]],
    arguments: Sequence[Any],
    variables: Sequence[Variable],
    others: Sequence[Variable] = (),
) -> tuple[dict[str, Any], list[Any]]:
    """The means over replicas of the scalars and gradients that a function returns in each, in one exchange.

    Args:
        function: Returns scalars by name, and a gradient for each of `variables`.
        arguments: The function's arguments, cut into the parts of replicas or whole.
        variables: The mean gradients are placed on the devices of these variables.
        others: Variables that the function may change. Those named `moving_...`, the statistics of batch norm, differ from
            replica to replica afterwards: each becomes the mean over the replicas.
    """
    strategy = tf.distribute.get_strategy()
    statistics = [variable for variable in others if variable.path.rpartition("/")[2].startswith("moving_")]
    names: list[str] = []

    def in_one(*arguments: Any) -> tuple[Tensor, list[Any], list[Tensor]]:
        scalars, gradients = function(*arguments)
        names[:] = scalars
        values = list(scalars.values())
        stacked = tf.stack([tf.cast(value, values[0].dtype) for value in values])
        return stacked, gradients, [tf.identity(variable.value) for variable in statistics]

    scalars, gradients, seen = run_per_replica(in_one, *arguments)
    beside = [variable.value for variable in (variables[0], *variables, *statistics)]
    pairs = list(zip([scalars, *gradients, *seen], beside, strict=True))
    scalars, *reduced = strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.MEAN, pairs)
    for variable, mean in zip(statistics, reduced[len(gradients) :], strict=True):
        variable.assign(mean)
    means = tf.unstack(strategy.experimental_local_results(scalars)[0])
    return dict(zip(names, means, strict=True)), reduced[: len(gradients)]
