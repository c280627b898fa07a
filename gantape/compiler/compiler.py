"""From a function of one step to a fast function of many; knows no task."""

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
        autotune_cache: A JSON file in which "auto" keeps what it measured, and finds it again for the same task, shapes,
            machine and versions.
        strategy: What says which devices learn together: a `tf.distribute.OneDeviceStrategy`, `MirroredStrategy` or
            `MultiWorkerMirroredStrategy`, in whose scope the task was made. Steps are run in mode "graph" then, or "eager";
            "auto" is "graph". A batch is cut into equal parts, one for each replica.

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
        """The scope of the strategy; nothing without one."""
        return scope_of(self.strategy)

    def compile(self, step: StepFunction, mode: NamedMode, stack: BatchStack) -> CompiledSteps:
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
