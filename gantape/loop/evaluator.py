"""Losses and metrics over a whole data set."""

import functools
from collections.abc import Callable
from typing import Any

import attrs
import tensorflow as tf

from gantape.compiler import StepCompiler
from gantape.compiler.failures import explain_failure
from gantape.data import Batches
from gantape.distribute.replicas import mean_of, replicas, run_per_replica, shard, this_replica
from gantape.distribute.workers import Workers
from gantape.errors import DataError, GantapeError
from gantape.loop.checks import check_ends
from gantape.loop.measured import warn_of_unmeasured
from gantape.random.rng import RandomStreams
from gantape.steps.added import added_losses
from gantape.steps.losses import Losses, check_columns, check_returned
from gantape.steps.python_values import TracedValues
from gantape.steps.saved import variables_restored
from gantape.steps.trained import python_state
from gantape.tasks import Task
from gantape.tasks.layer_metrics import metrics_of_layers
from gantape.types import Batch, Tensor


class Evaluator:
    """Evaluates a task on every example of a data set, partial last batch included.

    Args:
        task: The task.
        compiler: How evaluation is run: eagerly in mode "eager", else as a graph, so that the last batch may be smaller.
        seed: The seed of random numbers in the evaluation.
        workers: The workers of the run.
        steps_done: Returns the number of steps done, on which schedules in a loss depend.
    """

    def __init__(self, task: Task, compiler: StepCompiler, seed: int, workers: Workers, steps_done: Callable[[], int]) -> None:
        self._task = task
        self._compiler = compiler
        self._seed = seed
        self._workers = workers
        self._steps_done = steps_done
        self._names: list[str] = []
        self._measured: set[str] = set()
        self._checked = False
        self._prepare: Callable[[Batch], Batch] | None = None
        self._values = TracedValues(lambda: python_state(task.updates()))
        self._compiled: Callable[..., Any] | None = None

    def of(self, data: Batches | None) -> Callable[[], dict[str, float]] | None:
        """A function that evaluates validation data, if there is any.

        Raises:
            DataError: If it is not a source of batches, or has no end.
        """
        if data is None:
            return None
        check_ends(data, "validation")
        return functools.partial(self.evaluate, data)

    def evaluate(self, data: Batches) -> dict[str, float]:
        """Means over all examples: each example counts once, whatever its batch and its weight in the loss.

        The loss is that of training: it includes what layers add.

        Raises:
            DataError: If there is no example, or `data` is not a source of batches, or has no end.
            CompileError: If the task's evaluation cannot be traced or run.
        """
        check_ends(data, "data")
        self._workers.check_together("evaluation")
        of_layers = metrics_of_layers(self._task)
        with self._compiler.scope(), variables_restored(of_layers.variables):
            of_layers.reset()
            return self._means(data) | of_layers.result()

    def _means(self, data: Batches) -> dict[str, float]:
        metrics = self._task.evaluation_metrics
        metrics.reset()
        new = data.prepare is not self._prepare or bool(self._values.changed())
        if self._compiled is None or new:
            self._prepare = data.prepare
            self._compiled = self._compiler.compile_function(self._one_batch)
            self._values = self._values.anew()
        sums: Any = 0.0
        examples = 0
        step = tf.constant(self._steps_done(), tf.int64)
        for index, stored in enumerate(data.examples_in_order()):
            batch = tf.nest.map_structure(tf.convert_to_tensor, stored)
            size = int(tf.nest.flatten(batch)[0].shape[0])
            try:
                values = self._compiled(batch, step, tf.constant(index, tf.int64))
            except GantapeError:
                raise
            except Exception as error:
                raise explain_failure(error, self._compiler.mode, ("evaluation",)) from None
            sums = sums + size * values.numpy().astype("float64")
            examples += size
        if not examples:
            raise DataError(
                "there is nothing to evaluate.",
                where="gantape.Loop.evaluate, argument `data`",
                got="no example",
                do="check where the data comes from.",
            )
        if new:
            self._values.traced()
        means = dict(zip(self._names, (sums / examples).tolist(), strict=True))
        if not self._checked:
            self._checked = True
            warn_of_unmeasured(self._task, "build_evaluation_metrics", self._measured)
        return means | metrics.result(self._measured)

    def _one_batch(self, stored: Batch, step: Tensor, index: Tensor) -> Tensor:
        assert self._prepare is not None
        # A batch that cannot be cut into equal parts is evaluated whole by every replica, and counted by one of them.
        whole = replicas() > 1 and any(leaf.shape[0] % replicas() > 0 for leaf in tf.nest.flatten(stored))
        batch = run_per_replica(self._prepare, stored) if whole else shard(stored, self._prepare)
        return mean_of(run_per_replica(self._in_replica, batch, step, index, whole))

    def _in_replica(self, batch: Batch, step: Tensor, index: Tensor, whole: bool) -> Tensor:
        losses = self._losses(batch, RandomStreams(self._seed, step, whole, index).stream("evaluation"))
        replica = this_replica()
        if not whole or replica is None or replica.index == 0:
            self._task.evaluation_metrics.update(losses.metrics)
            self._measured.update(losses.metrics)
        values = losses.report()
        others = [*self._task.evaluation_metrics.names, *metrics_of_layers(self._task).names]
        check_columns(values, others, f"{type(self._task).__name__}.evaluate")
        self._names = list(values)
        return tf.stack([tf.cast(value, tf.float32) for value in values.values()])

    def _losses(self, batch: Batch, rng: RandomStreams) -> Losses:
        models = [model for update in self._task.updates() for model in update.models]
        with added_losses(models) as added:
            losses = self._task.evaluate(batch, rng)
        check_returned(losses, f"{type(self._task).__name__}.evaluate")
        return losses if losses.added is not None else attrs.evolve(losses, added=added.total())
