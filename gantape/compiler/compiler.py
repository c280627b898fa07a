"""`StepCompiler`: from a function of one step to a fast function of many."""

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import attrs
import tensorflow as tf

from gantape.compiler.compiled import CompiledSteps
from gantape.compiler.programs import Mode, NamedMode, StepFunction
from gantape.data import BatchStack
from gantape.distribute.replicas import check_strategy, scope_of
from gantape.errors import HyperparameterError

MOST_STEPS_PER_CALL = 128
"""The default limit. A higher one would save less than one per cent of the time, even if a step takes 0.2 milliseconds."""

MOST_BYTES_PER_CALL = 2**26
"""The default limit for batches that are copied into a call."""


@attrs.frozen
class StepCompiler:
    """Turns any step function into a fast function of many steps.

    Args:
        mode: How a step is run: "eager" (Python), "graph", "xla" (each step one XLA program), "xla-loop" (all steps of a call
            in one XLA program), or "auto", which tries the compiled modes on the run's own batches and keeps the one that
            ends the run soonest.
        steps_per_call: The largest number of steps in one call of compiled code; by default 1 in eager mode, else up to 128, as
            many as 64 MiB of batches allow. A call ends earlier if something is due, which never causes a retrace.
        max_traces: How often a step may be traced for one set of updates; more is a `RetraceError`. By default, there is a
            warning in the log.
        autotune_cache: A JSON file in which "auto" saves its measurements, and looks them up for the same task, shapes, machine
            and versions.
        strategy: For training on several devices: a `tf.distribute.OneDeviceStrategy`, `MirroredStrategy` or
            `MultiWorkerMirroredStrategy`, in whose scope the task was made. The mode is then "graph" or "eager"; "auto" means
            "graph". A batch is cut into equal parts, one for each replica.

    Raises:
        HyperparameterError: If there is no such mode, a number is not positive, or the strategy is not supported.
    """

    mode: Mode = "graph"
    steps_per_call: int | None = None
    max_traces: int | None = None
    autotune_cache: Path | None = None
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
        if not isinstance(self.autotune_cache, Path | None):
            raise HyperparameterError(
                'what "auto" measured is kept in a file.',
                where="gantape.StepCompiler, argument `autotune_cache`",
                got=repr(self.autotune_cache),
                do='give pathlib.Path("modes.json"), say.',
            )
        check_strategy(self.strategy, self.mode)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """The scope of the strategy; a null context without one."""
        return scope_of(self.strategy)

    def compile(self, step: StepFunction, mode: NamedMode, stack: BatchStack) -> CompiledSteps:
        """Prepare a step function to run in a mode, on stacks of batches like this one. It is traced in its first call."""
        fitting = max(1, MOST_BYTES_PER_CALL // (stack.bytes_per_batch * step.batches_per_step))
        default = 1 if mode == "eager" else min(MOST_STEPS_PER_CALL, fitting)
        return CompiledSteps(step, mode, self.steps_per_call or default, self.max_traces, self.strategy)

    def compile_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile a function of batches of any size to a graph; in eager mode, return it unchanged."""
        if self.mode == "eager":
            return function
        # With replicas, the size of a batch must be known while tracing: it decides whether the batch can be cut.
        return tf.function(functools.partial(function), reduce_retracing=self.strategy is None)  # a partial: see `programs`
