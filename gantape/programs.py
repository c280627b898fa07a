"""How many steps are run in one call: one class for each mode. Follows `traces`, stands before `compiler`.

| mode | a step is | many steps are |
|---|---|---|
| `eager` | Python | a Python loop |
| `graph` | a graph | a loop in the graph |
| `xla` | one XLA program | a loop in the graph around it |
| `xla-loop` | part of the program | a loop in one XLA program |
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import attrs
import numpy as np
import tensorflow as tf

from gantape.errors import GantapeError
from gantape.traces import explain_failure
from gantape.types import Batch, Tensor

Due = tuple[str, ...]


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


@attrs.frozen(eq=False)
class Signature:
    """What a program is traced for.

    Args:
        due: The updates that its steps do.
        batch: The structure of a stored batch, a `tf.TensorSpec` for each leaf.
        prepare: What turns a stored batch into the one that the step sees.
    """

    due: Due
    batch: Any
    prepare: Callable[[Batch], Batch]

    def fits(self, other: "Signature") -> bool:
        """Whether a program for one serves the other."""
        return self.due == other.due and self.prepare == other.prepare and same_structure(self.batch, other.batch)


def same_structure(one: Any, other: Any) -> bool:
    """Whether two structures of specs are equal."""
    try:
        tf.nest.assert_same_structure(one, other)
    except (TypeError, ValueError):
        return False
    return tf.nest.flatten(one) == tf.nest.flatten(other)


class Program:
    """Steps that do one set of updates, run one by one in Python; the other modes are built on it.

    Args:
        step: The step function.
        signature: What the program is for.
        most_steps: The most steps in a call.
    """

    mode: ClassVar[str] = "eager"

    def __init__(self, step: StepFunction, signature: Signature, most_steps: int) -> None:
        self.signature = signature
        self.steps = 0
        self.compile_seconds = 0.0
        self._step = step
        self._most_batches = most_steps * step.batches_per_step
        self._names: tuple[str, ...] = ()
        self._totals: Any = None

    def run(self, batches: Batch, first_step: int, count: int) -> None:
        """Run `count` steps on stacked batches, and add up what they report."""
        for index in range(count):
            self._add(self._one_step(self._take(batches, index), tf.constant(first_step + index, tf.int64)))
        self.steps += count

    def sums(self) -> dict[str, float]:
        """What the steps reported, added up since `reset`."""
        return {} if self._totals is None else dict(zip(self._names, map(float, self._totals.numpy()), strict=True))

    def reset(self) -> None:
        """Forget what was reported."""
        self._totals = None
        self.steps = 0

    def _one_step(self, batches: Sequence[Batch], step: Tensor) -> Tensor:
        report = self._step.run([self.signature.prepare(batch) for batch in batches], step, self.signature.due)
        self._names = tuple(report)
        return tf.stack([tf.cast(value, tf.float32) for value in report.values()])

    def _take(self, batches: Batch, index: Any) -> list[Batch]:
        first = index * self._step.batches_per_step
        return [_at(batches, first + place) for place in range(self._step.batches_per_step)]

    def _add(self, totals: Tensor) -> None:
        self._totals = totals if self._totals is None else self._totals + totals


class GraphProgram(Program):
    """Steps in a loop in the graph; the class variables say what XLA compiles."""

    mode = "graph"
    step_in_xla: ClassVar[bool] = False
    loop_in_xla: ClassVar[bool] = False

    def __init__(self, step: StepFunction, signature: Signature, most_steps: int) -> None:
        super().__init__(step, signature, most_steps)
        self._call: Any = None
        self._traced_step: Any = None

    def run(self, batches: Batch, first_step: int, count: int) -> None:
        started = time.perf_counter()
        new = self._call is None
        if new:
            self.trace()
        try:
            totals = self._call(self._filled(batches), tf.constant(first_step, tf.int64), tf.constant(count))
        except tf.errors.OpError as error:
            raise explain_failure(error, self.mode, self.signature.due) from None
        self._add(totals)
        self.steps += count
        if new:
            totals.numpy()
            self.compile_seconds = time.perf_counter() - started

    def trace(self) -> None:
        """Trace the step; nothing is run."""
        one_step = tf.function(self._one_step, jit_compile=self.step_in_xla or None)
        specs = [self.signature.batch] * self._step.batches_per_step
        try:
            self._traced_step = one_step.get_concrete_function(specs, tf.TensorSpec([], tf.int64))
        except GantapeError as error:
            raise error.with_traceback(None) from None
        except Exception as error:
            raise explain_failure(error, self.mode, self.signature.due) from None
        self._call = tf.function(self._many_steps, jit_compile=self.loop_in_xla or None, autograph=False)

    @property
    def variables(self) -> Sequence[Any]:
        """Every variable that the traced step reads or writes, whoever made it."""
        return self._traced_step.variables

    def _many_steps(self, batches: Batch, first_step: Tensor, count: Tensor) -> Tensor:
        def body(index: Any, totals: Any) -> Any:
            report = self._traced_step(self._take(batches, index), first_step + tf.cast(index, tf.int64))
            return index + 1, totals + report

        start = (tf.constant(0), tf.zeros(len(self._names), tf.float32))
        return tf.while_loop(lambda index, _: index < count, body, start)[1]

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
    loop_in_xla = True


def _at(batches: Batch, index: Any) -> Batch:
    return tf.nest.map_structure(lambda leaf: tf.convert_to_tensor(leaf[index]), batches)


PROGRAMS: dict[str, type[Program]] = {program.mode: program for program in (Program, GraphProgram, StepInXla, LoopInXla)}
