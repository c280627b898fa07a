"""Programs: many steps in one call.

| mode | a step is | many steps are |
|---|---|---|
| `eager` | Python | a Python loop |
| `graph` | a graph | a loop in the graph |
| `xla` | one XLA program | a loop in the graph around it |
| `xla-loop` | part of the program | a loop in one XLA program |
"""

import functools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, get_args

import numpy as np
import tensorflow as tf

from gantape._tensorflow import for_autograph
from gantape.compiler.failures import explain_failure
from gantape.compiler.resources import Usage
from gantape.compiler.signature import Due, Signature
from gantape.compiler.xla import check_for_xla
from gantape.data.batches import BatchStack, take_batch
from gantape.distribute.replicas import shard
from gantape.errors import GantapeError
from gantape.steps.python_values import TracedValues
from gantape.types import Batch, Tensor

NamedMode = Literal["eager", "graph", "xla", "xla-loop"]
MODES: tuple[NamedMode, ...] = get_args(NamedMode)
Mode = Literal["auto", "eager", "graph", "xla", "xla-loop"]


class StepFunction(Protocol):
    """A function of one step that can be compiled: `gantape.Step`, or any object with these methods."""

    @property
    def name(self) -> str:
        """The task with its hyper-parameters, as text: the key of saved measurements."""

    @property
    def batches_per_step(self) -> int:
        """The number of batches that a step reads."""

    def due(self, step: int) -> Due:
        """The names of the updates that are due in a step. Each set of names gets a program of its own."""

    def updates_due(self, step: int) -> int:
        """The number of updates in a step, repeats included."""

    def python_state(self) -> dict[str, Any]:
        """The Python values that a trace of the step contains, by name. When they change, it is traced again."""

    def prepare(self) -> None:
        """Create the variables that a step needs. Called before a step is traced."""

    def run(self, batches: Sequence[Batch], step: Tensor, due: Due) -> dict[str, Tensor]:
        """Run one step and report scalars."""

    def all_finite(self, due: Due) -> Tensor:
        """Whether all variables that these updates change are finite."""

    def means(self, sums: Mapping[str, float], steps: Mapping[str, int]) -> dict[str, float]:
        """The means of reported scalars, from their sums and the number of steps that reported each."""


class Program(ABC):
    """Runs steps in which one set of updates is due, and adds up the scalars that they report.

    After a call, `all_finite` says whether all variables that were changed are finite.

    Args:
        step: The step function.
        signature: The updates and batches of the program.
        most_steps: The largest number of steps in a call.
    """

    def __init__(self, step: StepFunction, signature: Signature, most_steps: int) -> None:
        self.signature = signature
        self.steps = 0
        self.all_finite = True
        self.compile_seconds = 0.0
        self._step = step
        self._most_batches = most_steps * step.batches_per_step
        self._names: tuple[str, ...] = ()
        self.values = TracedValues(step.python_state)
        self._totals: Any = None
        self._last: Any = None
        self._usage = Usage()

    @abstractmethod
    def run(self, stack: BatchStack, first_step: int) -> int:
        """Run as many steps as a stack has batches for, and add up the scalars that they report.

        Args:
            stack: Batches for at most `most_steps` steps.
            first_step: The number of the first step, from 0.

        Returns:
            The number of steps run. A step that reports a number that is not finite is the last.

        Raises:
            CompileError: If the step cannot be traced, compiled or run.
        """

    @property
    def variables(self) -> Sequence[Any]:
        """Every variable that the traced step reads or writes, wherever it was created; none if nothing is traced."""
        return ()

    @property
    def usage(self) -> Usage:
        """What the step uses that lasts from step to step; nothing before it is traced or run."""
        return self._usage

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the scalars that a step reports; none before it is traced or run."""
        return self._names

    def last(self) -> dict[str, float]:
        """The scalars of the newest step."""
        return {} if self._last is None else dict(zip(self._names, self._last.numpy().tolist(), strict=True))

    def not_finite(self) -> dict[str, float]:
        """The scalars of the newest step that are infinite or not a number. No step was run after it."""
        return {name: value for name, value in self.last().items() if not math.isfinite(value)}

    def sums(self) -> dict[str, float]:
        """The sum of each scalar since `reset`."""
        return {} if self._totals is None else dict(zip(self._names, self._totals.numpy().tolist(), strict=True))

    def reset(self) -> None:
        """Reset the sums."""
        self._totals = None
        self.steps = 0

    def restore(self, sums: Mapping[str, float], steps: int) -> None:
        """Continue the sums of an earlier program with the same signature, bit for bit."""
        self._names = tuple(sums)
        self._totals = tf.constant(list(sums.values()), tf.float32)
        self.steps = steps

    def _one_step(
        self, batches: Batch, examples: Batch | None, index: Any, step: Tensor, totals: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The scalars of one step, the totals including them, and whether all of them are finite."""
        width = self._step.batches_per_step
        taken = [take_batch(batches, examples, index * width + place) for place in range(width)]
        batches = [shard(batch, self.signature.prepared(step, place)) for place, batch in enumerate(taken)]
        reported = self._step.run(batches, step, self.signature.due)
        self._names = tuple(reported)
        report = tf.stack([tf.cast(value, tf.float32) for value in reported.values()])
        return report, report if totals is None else totals + report, tf.reduce_all(tf.math.is_finite(report))


class EagerProgram(Program):
    """Steps run one by one in Python."""

    def run(self, stack: BatchStack, first_step: int) -> int:
        done, new = 0, not self.steps
        healthy: Any = True
        while healthy and done < stack.count // self._step.batches_per_step:
            step = tf.constant(first_step + done, tf.int64)
            with self._usage.observed():
                self._last, self._totals, healthy = self._one_step(stack.batches, stack.examples, done, step, self._totals)
            done += 1
        if new:
            self.values.traced()
        self.all_finite = bool(self._step.all_finite(self.signature.due))
        self.steps += done
        return done


class GraphProgram(Program):
    """Steps in a loop in the graph. XLA compiles each step, the whole loop, or nothing, depending on the mode.

    Args:
        step: The step function.
        signature: The updates and batches of the program.
        most_steps: The largest number of steps in a call.
        mode: How the steps are compiled.
    """

    def __init__(self, step: StepFunction, signature: Signature, most_steps: int, mode: NamedMode) -> None:
        super().__init__(step, signature, most_steps)
        self._mode = mode
        self._call: Any = None
        self._traced_step: Any = None
        axes = [axis for leaf in tf.nest.flatten(signature.batch) for axis in leaf.shape]
        self._open = mode == "graph" and None in axes

    def run(self, stack: BatchStack, first_step: int) -> int:
        started = time.perf_counter()
        new = self._call is None
        if new:
            self.trace(stack)
        totals = tf.zeros(len(self._names), tf.float32) if self._totals is None else self._totals
        place = (tf.constant(first_step, tf.int64), tf.constant(stack.count // self._step.batches_per_step))
        try:
            done, all_finite, self._last, self._totals = self._call(self._filled(stack.batches), stack.examples, *place, totals)
        except tf.errors.OpError as error:
            raise explain_failure(error, self._mode, self.signature.due, self._traced_step.graph) from None
        count = int(done)
        self.all_finite = bool(all_finite)
        self.steps += count
        if new:
            self.compile_seconds = time.perf_counter() - started
        return count

    def trace(self, stack: BatchStack) -> None:
        """Trace the step for batches like those of a stack; nothing is run."""
        # Layers and random streams check while they are traced whether XLA compiles them, so the step too is marked for XLA.
        in_xla = self._mode != "graph" or None
        one_step = tf.function(for_autograph(self._one_step), jit_compile=in_xla, autograph=False)
        inputs = self._inputs(stack)
        place = (tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int64))
        try:
            # The number of scalars is known only after tracing, so that the shape of the totals is open.
            self._traced_step = one_step.get_concrete_function(*inputs, *place, tf.TensorSpec([None], tf.float32))
        except GantapeError as error:
            raise error.with_traceback(None) from None
        except Exception as error:
            raise explain_failure(error, self._mode, self.signature.due) from None
        self._usage = Usage(self._traced_step)
        self.values.traced(self._traced_step)
        if self._mode != "graph":
            check_for_xla(self._traced_step.graph, self._mode, self.signature.due)
        # TensorFlow counts the traces of a method over all instances, and would warn in a process with many loops.
        steps = functools.partial(self._many_steps)
        loop_in_xla = self._mode == "xla-loop" or None
        self._call = tf.function(steps, jit_compile=loop_in_xla, autograph=False, reduce_retracing=True)

    @property
    def variables(self) -> Sequence[Any]:
        """Every variable that the traced step reads or writes, wherever it was created."""
        return () if self._traced_step is None else self._traced_step.variables

    def _many_steps(
        self, batches: Batch, examples: Batch | None, first_step: Tensor, count: Tensor, totals: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The number of steps done, whether all changed variables are finite, the last scalars, and the totals.

        The totals are summed step by step, so that they do not depend on where calls end.
        """

        def body(index: Any, _: Any, totals: Any, __: Any) -> Any:
            step = first_step + tf.cast(index, tf.int64)
            report, totals, healthy = self._traced_step(batches, examples, index, step, totals)
            return index + 1, report, totals, healthy

        start = (tf.constant(0), tf.zeros_like(totals), totals, tf.constant(True))
        done, report, totals, _ = tf.while_loop(
            lambda index, _, __, healthy: tf.logical_and(index < count, healthy), body, start
        )
        return done, self._step.all_finite(self.signature.due), report, totals

    def _inputs(self, stack: BatchStack) -> tuple[Any, Any]:
        """The specs of a stack's batches and examples; axes that differ from batch to batch are unknown."""
        filled = self._filled(stack.batches)
        if stack.examples is not None:
            return tf.nest.map_structure(_spec, (filled, stack.examples))
        count = None if self._open else len(tf.nest.flatten(filled)[0])
        return tf.nest.map_structure(lambda leaf: tf.TensorSpec([count, *leaf.shape], leaf.dtype), self.signature.batch), None

    def _filled(self, batches: Batch) -> Batch:
        """A stack padded to full size, because a program has one input shape. The padding is never read."""
        missing = self._most_batches - len(tf.nest.flatten(batches)[0])
        if not missing or self._open:
            return batches
        return tf.nest.map_structure(
            lambda leaf: np.concatenate([leaf, np.full((missing, *leaf.shape[1:]), _nothing(leaf.dtype), leaf.dtype)]), batches
        )


def make_program(mode: NamedMode, step: StepFunction, signature: Signature, most_steps: int) -> Program:
    """A program that runs steps in a mode."""
    if mode == "eager":
        return EagerProgram(step, signature, most_steps)
    return GraphProgram(step, signature, most_steps, mode)


def _nothing(dtype: Any) -> Any:
    """The value of padding: zero, or an empty text."""
    return b"" if dtype.hasobject else 0


def _spec(leaf: Any) -> Any:
    return tf.TensorSpec(leaf.shape, leaf.dtype)
