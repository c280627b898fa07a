"""From a function of one step to a fast function of many. Follows `tasks` in the reading order; knows no task.

| mode | a step is | many steps are |
|---|---|---|
| `eager` | Python | a Python loop |
| `graph` | a graph | a loop in the graph |
| `xla` | one XLA program | a loop in the graph around it |
| `xla-loop` | part of the program | a loop in one XLA program |
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, get_args

import attrs
import numpy as np
import tensorflow as tf

from gantape.data import Stack
from gantape.errors import GantapeError, HyperparameterError
from gantape.traces import explain_failure
from gantape.types import Batch, Tensor

Mode = Literal["eager", "graph", "xla", "xla-loop"]

DEFAULT_STEPS_PER_CALL: dict[str, int] = {"eager": 1, "graph": 32, "xla": 32, "xla-loop": 128}


class StepFunction(Protocol):
    """What can be compiled: `gantape.Step`, or anything like it."""

    @property
    def batches_per_step(self) -> int:
        """Batches that a step reads."""

    def due(self, step: int) -> tuple[str, ...]:
        """What is done in a step; another answer is another program."""

    def updates_due(self, step: int) -> int:
        """How many updates a step does, repeats counted."""

    def run(self, batches: Sequence[Batch], step: Tensor, due: tuple[str, ...]) -> dict[str, Tensor]:
        """Do one step and report scalars."""


@attrs.frozen
class StepCompiler:
    """Turns any step function into a fast function of many steps.

    Args:
        mode: "eager", "graph", "xla" or "xla-loop".
        steps_per_call: The most steps between two visits to Python; by default what suits the mode. A call is
            cut shorter where something is due, which never traces anew.

    Raises:
        HyperparameterError: If there is no such mode, or the number of steps is not positive.
    """

    mode: Mode = "graph"
    steps_per_call: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise HyperparameterError(
                "there is no such mode.",
                where="gantape.StepCompiler, argument `mode`",
                got=repr(self.mode),
                do=f"choose one of {', '.join(get_args(Mode))}.",
            )
        steps = self.steps_per_call
        if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool) or steps < 1):
            raise HyperparameterError(
                "a call runs at least one step.",
                where="gantape.StepCompiler, argument `steps_per_call`",
                got=repr(steps),
                do="give a positive whole number.",
            )

    @property
    def most_steps(self) -> int:
        """The most steps in a call."""
        return self.steps_per_call or DEFAULT_STEPS_PER_CALL[self.mode]

    def compile(self, step: StepFunction) -> "CompiledSteps":
        """Prepare to run a step function. It is traced when it is first run."""
        return CompiledSteps(step, self.mode, self.most_steps)

    def compile_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function of batches as fast as the mode allows, whatever the size of the batch."""
        return function if self.mode == "eager" else tf.function(function, reduce_retracing=True)


class CompiledSteps:
    """A step function that runs many steps in a call, and sums up what they report."""

    def __init__(self, step: StepFunction, mode: Mode, most_steps: int) -> None:
        self._step = step
        self._mode = mode
        self._most_steps = most_steps
        self._programs: dict[tuple[str, ...], _Program] = {}

    @property
    def traces(self) -> int:
        """How many programs were traced: one for each set of updates that are due together."""
        return 0 if self._mode == "eager" else len(self._programs)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent on tracing, compiling and running the first step of each program."""
        return sum(program.compile_seconds for program in self._programs.values())

    @property
    def batches_per_step(self) -> int:
        """Batches that a step reads."""
        return self._step.batches_per_step

    def updates_due(self, step: int) -> int:
        """How many updates a step does, repeats counted."""
        return self._step.updates_due(step)

    def steps_alike(self, step: int, count: int) -> int:
        """How many of the next steps, up to `count` and to the most in a call, do the same updates as the first."""
        due = self._step.due(step)
        limit = min(count, self._most_steps)
        return next((ahead for ahead in range(1, limit) if self._step.due(step + ahead) != due), limit)

    def run(self, stack: Stack, first_step: int) -> int:
        """Run as many steps as the stack has batches for.

        Args:
            stack: Batches for at most as many steps as `steps_alike` says.
            first_step: The number of the first step, from 0.

        Returns:
            How many steps were run.
        """
        due = self._step.due(first_step)
        if due not in self._programs:
            self._programs[due] = _PROGRAMS[self._mode](self._step, due, self._most_steps)
        count = stack.count // self._step.batches_per_step
        self._programs[due].run(stack.batches, first_step, count)
        return count

    def means(self) -> dict[str, float]:
        """The mean of each reported scalar over the steps since `reset`, of those in which it was reported."""
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}
        for program in self._programs.values():
            for name, value in program.sums().items():
                sums[name] = sums.get(name, 0.0) + value
                counts[name] = counts.get(name, 0) + program.steps
        return {name: value / counts[name] for name, value in sums.items() if counts[name]}

    def reset(self) -> None:
        """Forget what was reported."""
        for program in self._programs.values():
            program.reset()


class _Program:
    """The steps that do one set of updates, in eager mode; the other modes are built on it."""

    def __init__(self, step: StepFunction, due: tuple[str, ...], most_steps: int) -> None:
        self._step = step
        self._due = due
        self._most_batches = most_steps * step.batches_per_step
        self._names: tuple[str, ...] = ()
        self._totals: Any = None
        self.steps = 0
        self.compile_seconds = 0.0

    def run(self, batches: Batch, first_step: int, count: int) -> None:
        for index in range(count):
            report = self._step.run(self._take(batches, index), tf.constant(first_step + index, tf.int64), self._due)
            self._add(self._ordered(report))
        self.steps += count

    def sums(self) -> dict[str, float]:
        if self._totals is None:
            return {}
        return dict(zip(self._names, map(float, self._totals.numpy()), strict=True))

    def reset(self) -> None:
        self._totals = None
        self.steps = 0

    def _take(self, batches: Batch, index: Any) -> list[Batch]:
        first = index * self._step.batches_per_step
        return [_at(batches, first + place) for place in range(self._step.batches_per_step)]

    def _ordered(self, report: dict[str, Tensor]) -> Tensor:
        self._names = tuple(report)
        return tf.stack([tf.cast(value, tf.float32) for value in report.values()])

    def _add(self, totals: Tensor) -> None:
        self._totals = totals if self._totals is None else self._totals + totals


def _at(batches: Batch, index: Any) -> Batch:
    return tf.nest.map_structure(lambda leaf: tf.convert_to_tensor(leaf[index]), batches)


class _GraphProgram(_Program):
    """Steps in a loop in the graph; the class variables say what XLA compiles."""

    step_in_xla = False
    loop_in_xla = False

    def __init__(self, step: StepFunction, due: tuple[str, ...], most_steps: int) -> None:
        super().__init__(step, due, most_steps)
        self._call: Any = None

    def run(self, batches: Batch, first_step: int, count: int) -> None:
        started = time.perf_counter()
        first = self._call is None
        if first:
            self._call = self._trace(batches)
        # A program has one shape of input: what is missing to a whole stack is filled up, and never read.
        missing = self._most_batches - len(tf.nest.flatten(batches)[0])
        if missing:
            batches = tf.nest.map_structure(lambda leaf: np.pad(leaf, [(0, missing)] + [(0, 0)] * (leaf.ndim - 1)), batches)
        try:
            totals = self._call(batches, tf.constant(first_step, tf.int64), tf.constant(count))
        except tf.errors.OpError as error:
            raise explain_failure(error, self._mode_name, self._due) from None
        self._add(totals)
        self.steps += count
        if first:
            totals.numpy()
            self.compile_seconds = time.perf_counter() - started

    @property
    def _mode_name(self) -> str:
        return "xla-loop" if self.loop_in_xla else "xla" if self.step_in_xla else "graph"

    def _trace(self, batches: Batch) -> Callable[..., Any]:
        one_step = self._trace_step(batches)

        def call(stack: Batch, first_step: Tensor, count: Tensor) -> Tensor:
            def body(index: Any, totals: Any) -> Any:
                return index + 1, totals + one_step(self._take(stack, index), first_step + tf.cast(index, tf.int64))

            start = (tf.constant(0), tf.zeros(len(self._names), tf.float32))
            return tf.while_loop(lambda index, _: index < count, body, start)[1]

        return tf.function(call, jit_compile=self.loop_in_xla or None, autograph=False)

    def _trace_step(self, batches: Batch) -> Callable[..., Any]:
        def one_step(batches: Sequence[Batch], step: Tensor) -> Tensor:
            return self._ordered(self._step.run(batches, step, self._due))

        function = tf.function(one_step, jit_compile=self.step_in_xla or None)
        batch = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), batches)
        try:
            return function.get_concrete_function([batch] * self._step.batches_per_step, tf.TensorSpec([], tf.int64))
        except GantapeError as error:
            raise error.with_traceback(None) from None
        except Exception as error:
            raise explain_failure(error, self._mode_name, self._due) from None


class _StepInXla(_GraphProgram):
    step_in_xla = True


class _LoopInXla(_GraphProgram):
    loop_in_xla = True


_PROGRAMS: dict[str, type[_Program]] = {
    "eager": _Program,
    "graph": _GraphProgram,
    "xla": _StepInXla,
    "xla-loop": _LoopInXla,
}
