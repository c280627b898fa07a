"""From a function of one step to a fast function of many. Follows `programs` in the reading order; knows no task."""

import contextlib
import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import attrs
import tensorflow as tf
from loguru import logger

from gantape.data import Stack
from gantape.distribution import check_strategy, scope_of
from gantape.errors import HyperparameterError, RetraceError
from gantape.programs import PROGRAMS, GraphProgram, Program, StepFunction
from gantape.signature import Signature

NamedMode = Literal["eager", "graph", "xla", "xla-loop"]
Mode = Literal["auto", "eager", "graph", "xla", "xla-loop"]

MOST_STEPS_PER_CALL = 128
"""By default. More would save less than one per cent of the trips to Python, even where a step takes 0.2 milliseconds."""

MOST_BYTES_PER_CALL = 2**26
"""Of batches that are copied into a call."""


@attrs.frozen
class StepCompiler:
    """Turns any step function into a fast function of many steps.

    Args:
        mode: How a step is run: "eager" (Python), "graph", "xla" (each step one XLA program), "xla-loop" (all steps of a call
            in one XLA program), or "auto", which tries the compiled modes on the run's own batches and keeps the one that
            ends the run soonest.
        steps_per_call: The most steps between two visits to Python; by default 1 in eager mode, else up to 128, as many as
            64 MiB of batches allow. A call is cut shorter where something is due, which never traces anew.
        max_traces: How often a step may be traced for one set of updates; more is a `RetraceError`. Without it, the log warns.
        measurements: A JSON file in which "auto" keeps what it measured, and finds it again for the same task, shapes, machine
            and versions.
        strategy: What says which devices learn together: a `tf.distribute.OneDeviceStrategy`, `MirroredStrategy` or
            `MultiWorkerMirroredStrategy`, in whose scope the task was made. Steps are run in mode "graph" then, or "eager";
            "auto" is "graph". A batch is cut into equal parts, one for each replica.

    Raises:
        HyperparameterError: If there is no such mode, a number is not positive, or the strategy is not supported.
    """

    mode: Mode = "graph"
    steps_per_call: int | None = None
    max_traces: int | None = None
    measurements: Path | None = None
    strategy: Any = None

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.mode, str) or self.mode not in get_args(Mode):
            raise HyperparameterError(
                "there is no such mode.",
                where="gantape.StepCompiler, argument `mode`",
                got=repr(self.mode),
                do=f"choose one of {', '.join(get_args(Mode))}.",
            )
        for name in ("steps_per_call", "max_traces"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise HyperparameterError(
                    "a number of steps or traces is at least one.",
                    where=f"gantape.StepCompiler, argument `{name}`",
                    got=repr(value),
                    do="give a positive whole number.",
                )
        if not isinstance(self.measurements, Path | None):
            raise HyperparameterError(
                "measurements are kept in a file.",
                where="gantape.StepCompiler, argument `measurements`",
                got=repr(self.measurements),
                do='give pathlib.Path("modes.json"), say.',
            )
        check_strategy(self.strategy, self.mode)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """The scope of the strategy; nothing without one."""
        return scope_of(self.strategy)

    def compile(self, step: StepFunction, mode: NamedMode, stack: Stack) -> "CompiledSteps":
        """Prepare to run a step function in a mode, on stacks of batches like this one. It is traced when it is first run."""
        fitting = max(1, MOST_BYTES_PER_CALL // (stack.bytes_per_batch * step.batches_per_step))
        default = 1 if mode == "eager" else min(MOST_STEPS_PER_CALL, fitting)
        return CompiledSteps(step, mode, self.steps_per_call or default, self.max_traces, self.strategy)

    def compile_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function of batches as fast as a graph allows, whatever the size of the batch; as it is in eager mode."""
        if self.mode == "eager":
            return function
        # Whether a batch can be cut into the parts of replicas is seen while it is traced.
        return tf.function(functools.partial(function), reduce_retracing=self.strategy is None)  # a partial: see `programs`


@attrs.frozen
class Totals:
    """What the steps of one program reported, added up.

    Args:
        due: The updates that they do.
        batch: What a batch of theirs is, as text.
        sums: The sum of each scalar, in float32.
        steps: How many steps.
    """

    due: tuple[str, ...]
    batch: str
    sums: dict[str, float]
    steps: int

    @classmethod
    def of(cls, signature: Signature, sums: dict[str, float], steps: int) -> "Totals":
        """The totals of a program with this signature."""
        return cls(signature.due, _batch_of(signature), sums, steps)

    def belong_to(self, signature: Signature) -> bool:
        """Whether a program with this signature is to go on from them."""
        return (self.due, self.batch) == (signature.due, _batch_of(signature))


class CompiledSteps:
    """A step function that runs many steps in a call, and sums up what they report.

    Args:
        step: The step function.
        mode: How a step is run.
        most_steps: The most steps in a call.
        max_traces: How often a step may be traced for one set of updates.
        strategy: Which devices learn together; `None` for one.
    """

    def __init__(
        self, step: StepFunction, mode: NamedMode, most_steps: int, max_traces: int | None = None, strategy: Any = None
    ) -> None:
        self.step = step
        self.mode = mode
        self.most_steps = most_steps
        self._max_traces = max_traces
        self._strategy = strategy
        self._programs: list[Program] = []
        self._newest: Program | None = None
        self._restored: list[Totals] = []

    @property
    def traces(self) -> int:
        """How many programs there are; each set of updates that are due together has one, or more if batches changed."""
        return 0 if self.mode == "eager" else len(self._programs)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent on tracing, compiling and running the first call of each program."""
        return sum(program.compile_seconds for program in self._programs)

    def steps_alike(self, step: int, count: int) -> int:
        """How many of the next steps, up to `count` and to the most in a call, do the same updates as the first."""
        due = self.step.due(step)
        limit = min(count, self.most_steps)
        return next((ahead for ahead in range(1, limit) if self.step.due(step + ahead) != due), limit)

    def run(self, stack: Stack, first_step: int) -> int:
        """Run as many steps as the stack has batches for.

        Args:
            stack: Batches for at most as many steps as `steps_alike` says.
            first_step: The number of the first step, from 0.

        Returns:
            How many steps were run: fewer if one reported a number that is not finite, which is the last then.

        Raises:
            CompileError: If the step cannot be traced, compiled or run.
            RetraceError: If it was traced more often than allowed.
        """
        self._newest = self.program(stack, first_step)
        with self.scope():
            return self._newest.run(stack, first_step, stack.count // self.step.batches_per_step)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """The scope of the strategy; nothing without one. Actions are called outside of it: what they make is theirs alone."""
        return scope_of(self._strategy)

    @property
    def variables(self) -> list[Any]:
        """Every variable that the traced steps read or write, whoever made it; none in eager mode."""
        return [variable for program in self._programs if isinstance(program, GraphProgram) for variable in program.variables]

    @property
    def sound(self) -> bool:
        """Whether all variables that were moved in the newest call are finite."""
        return self._newest is None or self._newest.sound

    def last(self) -> dict[str, float]:
        """What the newest step reported."""
        return self._newest.last() if self._newest else {}

    def not_finite(self) -> dict[str, float]:
        """What the newest step reported that is infinite or not a number: no step was run after it."""
        return {name: value for name, value in self.last().items() if not math.isfinite(value)}

    def program(self, stack: Stack, first_step: int) -> Program:
        """The program for a stack of batches from a step on; a new one if none fits."""
        signature = Signature(self.step.due(first_step), stack.spec, stack.prepare, _examples(stack))
        for program in self._programs:
            if program.signature.fits(signature):
                return program
        self._note_retrace(signature)
        program = PROGRAMS[self.mode](self.step, signature, self.most_steps)
        for totals in [kept for kept in self._restored if kept.belong_to(signature)]:
            program.restore(totals.sums, totals.steps)
            self._restored.remove(totals)
        self._programs.append(program)
        return program

    def means(self) -> dict[str, float]:
        """The mean of each reported scalar over the steps since `reset`, of those in which it was reported.

        A scalar that is named `skipped`, or `x/skipped`, counts updates that were left out: the means of `x/...` are over the
        others.
        """
        totals = self.totals()
        # The sum does not depend on the order of the programs, which is another one in a run that was resumed.
        names = dict.fromkeys(name for kept in totals for name in kept.sums)
        sums = {name: math.fsum(kept.sums[name] for kept in totals if name in kept.sums) for name in names}
        counts = {name: sum(kept.steps for kept in totals if name in kept.sums) for name in names}
        means = {}
        for name, value in sums.items():
            skipped = name.rpartition("/")[0] + "/skipped" if "/" in name else "skipped"
            count = counts[name] - (sums.get(skipped, 0.0) if name != skipped else 0.0)
            if count > 0.0:
                means[name] = value / count
        return means

    def totals(self) -> list[Totals]:
        """What was reported since `reset`, by what was traced."""
        own = [Totals.of(program.signature, program.sums(), program.steps) for program in self._programs if program.steps]
        return self._restored + own

    def restore(self, totals: Sequence[Totals]) -> None:
        """Go on from what another one had added up, bit for bit. To be called before the first step."""
        self._restored = list(totals)

    def reset(self) -> None:
        """Forget what was reported."""
        self._restored = []
        for program in self._programs:
            program.reset()

    def explain(self) -> str:
        """Mode, calls, programs with their signatures and compile seconds, and updates of a step, as text."""
        lines = [
            f"mode {self.mode}, at most {self.most_steps} steps a call, {self.step.batches_per_step} batches a step",
            f"{self.traces} traces, {self.compile_seconds:.2f} s until their first calls returned",
        ]
        for program in self._programs:
            specs = ", ".join(f"{leaf.dtype.name}{leaf.shape}" for leaf in tf.nest.flatten(program.signature.batch))
            lines.append(f"  updates {', '.join(program.signature.due)}: batch {specs}, {program.compile_seconds:.2f} s")
        return "\n".join(lines)

    def _note_retrace(self, signature: Signature) -> None:
        alike = [program.signature for program in self._programs if program.signature.due == signature.due]
        if not alike or self.mode == "eager":
            return
        changes = "; ".join(alike[-1].changes(signature))
        if self._max_traces is not None and len(alike) >= self._max_traces:
            raise RetraceError(
                "the step would be traced once more than allowed.",
                where=f"gantape.StepCompiler, max_traces={self._max_traces}",
                got=changes,
                do="keep the batch size, shapes and types of the data, or allow more traces.",
            )
        logger.warning("the step is traced anew: {}. Keep shapes and types to save the time.", changes)


def _batch_of(signature: Signature) -> str:
    return " ".join(f"{leaf.dtype.name}{list(leaf.shape)}" for leaf in tf.nest.flatten(signature.batch))


def _examples(stack: Stack) -> int | None:
    return None if stack.examples is None else len(tf.nest.flatten(stack.examples)[0])
