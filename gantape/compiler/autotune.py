"""Autotuning: find the mode that ends a run soonest, by measuring.

A candidate runs a few steps on the run's own batches and variables, which are restored afterwards: training is the same, bit
for bit, as if the chosen mode had been named. The run uses the programs that the trials compiled.
"""

import contextlib
import hashlib
import json
import os
import platform
import time
from pathlib import Path

import attrs
import keras
import tensorflow as tf
from loguru import logger

from gantape._files import write_whole
from gantape.compiler.compiled import CompiledSteps
from gantape.compiler.compiler import StepCompiler
from gantape.compiler.programs import GraphProgram, NamedMode, StepFunction
from gantape.compiler.trials import RunLength, Trial, TuningResult
from gantape.data import BatchStack, PeekableReader
from gantape.errors import CompileError

TRIAL_STEPS = 32
LONGEST_TRIAL = 1.0
"""Seconds of steps in a trial, after compiling."""

SHARE_OF_RUN = 0.05
"""A trial takes no more of a run than this, apart from its first two steps."""

LONGEST_STEP_TO_LOOP = 0.02
"""Seconds. A loop in XLA saves the overhead between steps, tenths of a millisecond, but makes convolutions on a CPU many times
slower (they run on one thread there): it is tried only for steps that are short in XLA."""

LEAST_RUN_IN_COMPILES = 10.0
"""XLA is tried if the rest of a run takes this many times as long as tracing and compiling the graph. XLA takes up to twice as
long to compile: if it is no faster, the trial then costs no more than a fifth of the run."""

HOPELESS, CALL_OVERHEAD = 2.0, 0.01
"""A mode is not measured further if its first step takes longer than this factor times the best mode's step, plus these seconds
for the overhead of a call."""


LONGEST_FAILURE = 300
"""Characters of a failure that are kept."""


def compile_steps(
    compiler: StepCompiler, step: StepFunction, reader: PeekableReader, first_step: int, length: RunLength
) -> tuple[TuningResult | None, CompiledSteps]:
    """Compile a step function in the compiler's mode; in mode "auto" on one device, in the one that ends the run soonest.

    Returns:
        The trials, if there were any, and the compiled step.
    """
    if compiler.mode == "auto" and compiler.strategy is None:
        return choose_mode(compiler, step, reader.peek(TRIAL_STEPS * step.batches_per_step), first_step, length)
    return None, compiler.compile(step, "graph" if compiler.mode == "auto" else compiler.mode, reader.peek(1))


def choose_mode(
    compiler: StepCompiler, step: StepFunction, stack: BatchStack, first_step: int, length: RunLength
) -> tuple[TuningResult, CompiledSteps]:
    """Try the compiled modes and choose the one that ends the run soonest.

    A mode is tried only if it can pay off: XLA not in a run that is short compared with compiling, and the loop in XLA not if a
    step is long.

    Args:
        compiler: Compiles the candidates.
        step: The step function.
        stack: Batches of the run, enough for a step.
        first_step: The number of the run's next step.
        length: The length of the run.

    Returns:
        The choice, and the step compiled in its mode.

    Raises:
        CompileError: If no mode can run the step.
    """
    known = _recall(compiler.autotune_cache, key := _key(compiler, step, stack))
    if known:
        choice = TuningResult(known, length)
        logger.info("modes, measured earlier:\n{}", choice.table())
        return choice, compiler.compile(step, choice.mode, stack)
    tried: dict[NamedMode, tuple[Trial, CompiledSteps]] = {}

    def attempt(mode: NamedMode) -> Trial:
        compiled = compiler.compile(step, mode, stack)
        best = min((found.seconds_per_step for found, _ in tried.values()), default=float("inf"))
        tried[mode] = (_measure(compiled, stack, first_step, length, best), compiled)
        return tried[mode][0]

    graph = attempt("graph")
    if graph.failure or _remaining(graph, length) > LEAST_RUN_IN_COMPILES * graph.compile_seconds:
        xla = attempt("xla")
        if not xla.failure and xla.seconds_per_step < LONGEST_STEP_TO_LOOP:
            attempt("xla-loop")
    choice = TuningResult(tuple(measurement for measurement, _ in tried.values()), length)
    if all(measurement.failure for measurement in choice.measurements):
        raise CompileError(
            "the step runs in none of the compiled modes.",
            where='gantape.StepCompiler, mode "auto"',
            got="; ".join(f"{found.mode}: {found.failure}" for found in choice.measurements),
            do='fix the first failure; mode="eager" runs the same code line by line.',
        )
    _remember(compiler.autotune_cache, key, choice.measurements)
    logger.info("modes tried:\n{}", choice.table())
    return choice, tried[choice.mode][1]


def _remaining(measurement: Trial, length: RunLength) -> float:
    if length.steps is not None:
        return length.steps * measurement.seconds_per_step
    return length.seconds if length.seconds is not None else float("inf")


def _measure(compiled: CompiledSteps, stack: BatchStack, first_step: int, length: RunLength, best: float) -> Trial:
    program = compiled.program(stack, first_step)
    assert isinstance(program, GraphProgram)
    width = compiled.step.batches_per_step
    most = min(compiled.steps_until_change(first_step, compiled.most_steps), stack.count // width)

    def seconds(count: int) -> float:
        started = time.perf_counter()
        program.run(stack.first(count * width), first_step)
        compiled.means()
        return time.perf_counter() - started

    started = time.perf_counter()
    try:
        program.trace(stack.first(width))
    except CompileError as error:
        if compiled.mode == "graph":
            raise  # it runs in no mode
        return _failed(compiled, started, error)
    saved = [(variable, tf.identity(variable)) for variable in program.variables]
    try:
        program.run(stack.first(width), first_step)
        compiled.means()
        compile_seconds = program.compile_seconds = time.perf_counter() - started
        found = Trial(compiled.mode, compile_seconds, seconds(1))
        spent = found.seconds_per_step
        hopeless = found.seconds_per_step > HOPELESS * best + CALL_OVERHEAD
        while not hopeless and spent < min(LONGEST_TRIAL, SHARE_OF_RUN * _remaining(found, length)):
            count = max(1, min(most, int(LONGEST_TRIAL / 4 / found.seconds_per_step)))
            taken = seconds(count)
            found = attrs.evolve(found, seconds_per_step=min(found.seconds_per_step, taken / count))
            spent += taken
        return found
    except CompileError as error:
        return _failed(compiled, started, error)
    finally:
        for variable, value in saved:
            variable.assign(value)
        compiled.reset()


def _failed(compiled: CompiledSteps, started: float, error: CompileError) -> Trial:
    failure = f"{error.where}: {error.got}"[:LONGEST_FAILURE]
    return Trial(compiled.mode, time.perf_counter() - started, float("inf"), failure)


def _key(compiler: StepCompiler, step: StepFunction, stack: BatchStack) -> str:
    shapes = [f"{leaf.dtype.name}{leaf.shape}" for leaf in tf.nest.flatten(stack.spec)]
    machine = [platform.node(), platform.machine(), os.cpu_count(), tf.config.get_visible_devices()]
    facts = [step.name, step.batches_per_step, compiler.steps_per_call, shapes, machine, tf.__version__, keras.__version__]
    return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def _recall(path: Path | None, key: str) -> tuple[Trial, ...]:
    if path is None or not path.exists():
        return ()
    try:
        return tuple(Trial(**found) for found in json.loads(path.read_text()).get(key, ()))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.warning("{} holds no measurements ({}): measuring again.", path, error)
        return ()


def _remember(path: Path | None, key: str, measurements: tuple[Trial, ...]) -> None:
    if path is None:
        return
    kept = {}
    if path.exists():
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(path.read_text())
    kept[key] = [attrs.asdict(found) for found in measurements]
    try:
        write_whole(path, json.dumps(kept, indent=2))
    except OSError as error:
        logger.warning("measurements cannot be saved in {}: {}", path, error)
