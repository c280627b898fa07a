"""A compiled step function: its programs, and the sums of the scalars that they report."""

import contextlib
import math
import re
from collections.abc import Sequence
from typing import Any

import attrs
import tensorflow as tf
from loguru import logger

from gantape.compiler.programs import GraphProgram, NamedMode, Program, StepFunction, make_program
from gantape.compiler.resources import Usage
from gantape.compiler.signature import Signature
from gantape.data import BatchStack
from gantape.distribute.replicas import scope_of
from gantape.errors import RetraceError, counted, listed


@attrs.frozen
class Totals:
    """The sums of the scalars that the steps of one program reported.

    Args:
        due: The updates that are due in these steps.
        batch: Type and shape of their batches, as text.
        sums: The sum of each scalar, in float32.
        steps: The number of steps.
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
        """Whether a program with this signature continues these sums."""
        return (self.due, self.batch) == (signature.due, _batch_of(signature))


class CompiledSteps:
    """The programs of a step function, and the sums of the scalars that they report.

    Args:
        step: The step function.
        mode: How a step is run.
        most_steps: The largest number of steps in a call.
        max_traces: How often a step may be traced for one set of updates.
        strategy: The strategy for several devices; `None` for one.
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
        self._restored: list[Totals] = []

    @property
    def traces(self) -> int:
        """The number of programs: one for each set of updates that are due together, more if shapes of batches changed."""
        return 0 if self.mode == "eager" else len(self._programs)

    @property
    def compile_seconds(self) -> float:
        """Seconds spent on tracing, compiling and running the first call of each program."""
        return sum(program.compile_seconds for program in self._programs)

    def steps_until_change(self, step: int, count: int) -> int:
        """How many of the next steps, up to `count` and to the limit of a call, do the same updates as the first."""
        due = self.step.due(step)
        limit = min(count, self.most_steps)
        return next((ahead for ahead in range(1, limit) if self.step.due(step + ahead) != due), limit)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """The scope of the strategy; a null context without one. Actions run outside of it: they may create variables."""
        return scope_of(self._strategy)

    @property
    def variables(self) -> list[Any]:
        """Every variable that the traced steps read or write, wherever it was created; none in eager mode."""
        return [variable for program in self._programs if not program.values.changed() for variable in program.variables]

    @property
    def usage(self) -> list[Usage]:
        """What the steps use that lasts from step to step, wherever it was made; one for each program."""
        return [program.usage for program in self._programs if not program.values.changed()]

    def program(self, stack: BatchStack, first_step: int) -> Program:
        """The program for a stack of batches from a step on; a new one if no existing one fits.

        Args:
            stack: Batches for at most as many steps as `steps_until_change` says.
            first_step: The number of the first step, from 0.

        Raises:
            RetraceError: If the step was traced more often than allowed.
        """
        signature = Signature.of(self.step.due(first_step), stack)
        fitting = [program for program in self._programs if program.signature.fits(signature)]
        for program in fitting:
            if not program.values.changed():
                return program
        self._note_retrace(signature)
        with self.scope():
            self.step.prepare()
        program = make_program(self.mode, self.step, signature, self.most_steps)
        if fitting:
            program.values.replace(fitting[-1].values)
        for totals in [kept for kept in self._restored if kept.belong_to(signature)][-1:]:
            program.restore(totals.sums, totals.steps)
            self._restored.remove(totals)
        self._programs.append(program)
        return program

    def columns(self, stack: BatchStack, first_step: int) -> tuple[str, ...]:
        """The names of the scalars that a step reports, found by tracing it; none in eager mode."""
        if self.mode == "eager":
            return ()
        signature = Signature.of(self.step.due(first_step), stack)
        program = GraphProgram(self.step, signature, self.most_steps, "graph")
        with self.scope():
            self.step.prepare()
            program.trace(stack)
        return program.names

    def means(self) -> dict[str, float]:
        """The mean of each scalar since `reset`, over the steps that reported it, as the step function takes means."""
        totals = self.totals()
        # `fsum`, because the order of the programs is another one in a resumed run.
        names = dict.fromkeys(name for kept in totals for name in kept.sums)
        sums = {name: math.fsum(kept.sums[name] for kept in totals if name in kept.sums) for name in names}
        return self.step.means(sums, {name: sum(kept.steps for kept in totals if name in kept.sums) for name in names})

    def totals(self) -> list[Totals]:
        """The sums since `reset`, for each program."""
        own = [Totals.of(program.signature, program.sums(), program.steps) for program in self._programs if program.steps]
        return self._restored + own

    def restore(self, totals: Sequence[Totals]) -> None:
        """Continue the sums of an earlier run, bit for bit. Call it before the first step."""
        self._restored = list(totals)

    def reset(self) -> None:
        """Reset all sums."""
        self._restored = []
        for program in self._programs:
            program.reset()

    def explain(self) -> str:
        """Mode, calls, and the programs with their updates, batches and compile seconds, as text."""
        lines = [
            f"mode {self.mode}, at most {counted(self.most_steps, 'step')} a call, "
            f"{counted(self.step.batches_per_step, 'batch')} a step",
            f"{counted(self.traces, 'trace')}, {self.compile_seconds:.2f} s until the first call of each returned",
        ]
        for program in self._programs:
            specs = ", ".join(f"{leaf.dtype.name}{leaf.shape}" for leaf in tf.nest.flatten(program.signature.batch))
            lines.append(f"  updates {', '.join(program.signature.due)}: batch {specs}, {program.compile_seconds:.2f} s")
        return "\n".join(lines)

    def _note_retrace(self, signature: Signature) -> None:
        alike = [program for program in self._programs if program.signature.due == signature.due]
        if not alike or self.mode == "eager":
            return
        changed = listed([re.sub(r"#\d+", "", name).replace("._parts.", ".") for name in alike[-1].values.changed()])
        changes = (
            "; ".join(alike[-1].signature.changes(signature))
            or f"layers were frozen or thawed, or a setting has changed: {changed}"
        )
        if self._max_traces is not None and len(alike) >= self._max_traces:
            raise RetraceError(
                "the step would be traced once more than allowed.",
                where=f"gantape.StepCompiler, max_traces={self._max_traces}",
                got=changes,
                do="keep the batch size, shapes and types of the data, or allow more traces.",
            )
        logger.warning("the step is traced again: {}. Keep them the same to save this time.", changes)


def _batch_of(signature: Signature) -> str:
    return " ".join(f"{leaf.dtype.name}{list(leaf.shape)}" for leaf in tf.nest.flatten(signature.batch))
