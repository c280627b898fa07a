"""How many steps are run in one call: one class for each mode. Follows `signature`, stands before `compiler`.

| mode | a step is | many steps are |
|---|---|---|
| `eager` | Python | a Python loop |
| `graph` | a graph | a loop in the graph |
| `xla` | one XLA program | a loop in the graph around it |
| `xla-loop` | part of the program | a loop in one XLA program |
"""

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import tensorflow as tf

from gantape.data.batches import Stack, take_batch
from gantape.distribution import cut
from gantape.errors import GantapeError
from gantape.signature import Due, Signature
from gantape.traces import explain_failure
from gantape.types import Batch, Tensor


class StepFunction(Protocol):
    """What can be compiled: `gantape.Step`, or anything like it."""

    @property
    def name(self) -> str:
        """What is trained, with its hyper-parameters."""

    @property
    def batches_per_step(self) -> int:
        """Batches that a step reads."""

    def due(self, step: int) -> Due:
        """The names of the updates that a step does; another answer is another program."""

    def updates_due(self, step: int) -> int:
        """How many updates a step does, repeats counted."""

    def run(self, batches: Sequence[Batch], step: Tensor, due: Due) -> dict[str, Tensor]:
        """Do one step and report scalars."""

    def sound(self, due: Due) -> Tensor:
        """Whether all variables that these updates move are finite."""


class Program:
    """Steps that do one set of updates, run one by one in Python; the other modes are built on it.

    After a call, `sound` tells whether all variables that were moved are finite.

    Args:
        step: The step function.
        signature: What the program is for.
        most_steps: The most steps in a call.
    """

    mode: ClassVar[str] = "eager"

    def __init__(self, step: StepFunction, signature: Signature, most_steps: int) -> None:
        self.signature = signature
        self.steps = 0
        self.sound = True
        self.compile_seconds = 0.0
        self._step = step
        self._most_batches = most_steps * step.batches_per_step
        self._names: tuple[str, ...] = ()
        self._totals: Any = None
        self._last: Any = None

    def run(self, stack: Stack, first_step: int, count: int) -> int:
        """Run `count` steps on the batches of a stack, and add up what they report.

        Returns:
            How many steps were run: fewer if one reported a number that is not finite, which is the last then.
        """
        for index in range(count):
            self._last, self._totals, healthy = self._one_step(
                stack.batches, stack.examples, index, tf.constant(first_step + index, tf.int64), self._totals
            )
            if not healthy:
                count = index + 1
                break
        self.sound = bool(self._step.sound(self.signature.due))
        self.steps += count
        return count

    def last(self) -> dict[str, float]:
        """What the newest step reported."""
        return {} if self._last is None else dict(zip(self._names, self._last.numpy().tolist(), strict=True))

    def sums(self) -> dict[str, float]:
        """What the steps reported, added up since `reset`."""
        return {} if self._totals is None else dict(zip(self._names, self._totals.numpy().tolist(), strict=True))

    def reset(self) -> None:
        """Forget what was reported."""
        self._totals = None
        self.steps = 0

    def restore(self, sums: Mapping[str, float], steps: int) -> None:
        """Go on from sums of another program for the same signature, bit for bit."""
        self._names = tuple(sums)
        self._totals = tf.constant(list(sums.values()), tf.float32)
        self.steps = steps

    def _one_step(
        self, batches: Batch, examples: Batch | None, index: Any, step: Tensor, totals: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What the step reports, the totals with it, and whether all of it is finite."""
        width = self._step.batches_per_step
        taken = [take_batch(batches, examples, index * width + place) for place in range(width)]
        reported = self._step.run([cut(batch, self.signature.prepare) for batch in taken], step, self.signature.due)
        self._names = tuple(reported)
        report = tf.stack([tf.cast(value, tf.float32) for value in reported.values()])
        return report, report if totals is None else totals + report, tf.reduce_all(tf.math.is_finite(report))


class GraphProgram(Program):
    """Steps in a loop in the graph; the class variables say what XLA compiles."""

    mode = "graph"
    step_in_xla: ClassVar[bool] = False
    loop_in_xla: ClassVar[bool] = False

    def __init__(self, step: StepFunction, signature: Signature, most_steps: int) -> None:
        super().__init__(step, signature, most_steps)
        self._call: Any = None
        self._traced_step: Any = None

    def run(self, stack: Stack, first_step: int, count: int) -> int:
        started = time.perf_counter()
        new = self._call is None
        if new:
            self.trace(stack)
        totals = tf.zeros(len(self._names), tf.float32) if self._totals is None else self._totals
        place = (tf.constant(first_step, tf.int64), tf.constant(count))
        try:
            done, sound, self._last, self._totals = self._call(self._filled(stack.batches), stack.examples, *place, totals)
        except tf.errors.OpError as error:
            raise explain_failure(error, self.mode, self.signature.due) from None
        count = int(done)
        self.sound = bool(sound)
        self.steps += count
        if new:
            self.compile_seconds = time.perf_counter() - started
        return count

    def trace(self, stack: Stack) -> None:
        """Trace the step for batches like those of a stack; nothing is run."""
        one_step = tf.function(self._one_step, jit_compile=self.step_in_xla or None)
        inputs = tf.nest.map_structure(_spec, (self._filled(stack.batches), stack.examples))
        place = (tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int64))
        try:
            # How many numbers a step reports is known when it was traced: any number of totals fits it.
            self._traced_step = one_step.get_concrete_function(*inputs, *place, tf.TensorSpec([None], tf.float32))
        except GantapeError as error:
            raise error.with_traceback(None) from None
        except Exception as error:
            raise explain_failure(error, self.mode, self.signature.due) from None
        # TensorFlow counts the traces of a method for all instances together, and would warn in a process with many loops.
        self._call = tf.function(functools.partial(self._many_steps), jit_compile=self.loop_in_xla or None, autograph=False)

    @property
    def variables(self) -> Sequence[Any]:
        """Every variable that the traced step reads or writes, whoever made it."""
        return () if self._traced_step is None else self._traced_step.variables

    def _many_steps(
        self, batches: Batch, examples: Batch | None, first_step: Tensor, count: Tensor, totals: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Steps done, whether what they moved is finite, the last report, and the totals.

        The totals are one sum from step to step, however calls are cut.
        """

        def body(index: Any, _: Any, totals: Any, __: Any) -> Any:
            step = first_step + tf.cast(index, tf.int64)
            report, totals, healthy = self._traced_step(batches, examples, index, step, totals)
            return index + 1, report, totals, healthy

        start = (tf.constant(0), tf.zeros_like(totals), totals, tf.constant(True))
        done, report, totals, _ = tf.while_loop(
            lambda index, _, __, healthy: tf.logical_and(index < count, healthy), body, start
        )
        return done, self._step.sound(self.signature.due), report, totals

    def _filled(self, batches: Batch) -> Batch:
        """A whole stack: a program has one shape of input. What is filled in is never read."""
        missing = self._most_batches - len(tf.nest.flatten(batches)[0])
        if not missing:
            return batches
        return tf.nest.map_structure(
            lambda leaf: np.concatenate([leaf, np.zeros((missing, *leaf.shape[1:]), leaf.dtype)]), batches
        )


class StepInXla(GraphProgram):
    """Each step one XLA program, in a loop in the graph."""

    mode = "xla"
    step_in_xla = True


class LoopInXla(GraphProgram):
    """The whole loop one XLA program."""

    mode = "xla-loop"
    step_in_xla = True  # layers and noise look, when they are traced, whether XLA compiles them
    loop_in_xla = True


def _spec(leaf: Any) -> Any:
    return None if leaf is None else tf.TensorSpec(leaf.shape, leaf.dtype)


PROGRAMS: dict[str, type[Program]] = {program.mode: program for program in (Program, GraphProgram, StepInXla, LoopInXla)}
