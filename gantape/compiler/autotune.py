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
from gantape.steps.saved import SavedVariables

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

XLA_COMPILES, CANDIDATES = 2.0, 3
"""XLA takes up to this many times as long to compile as the graph; another look at so many modes takes its share of the run."""

MUCH_LONGER = 4.0
"""A mode is measured again if it was measured for less than one part in so many of the time that is right for a run."""

HOPELESS, CALL_OVERHEAD = 2.0, 0.01
"""A mode is not measured further if its first step takes longer than this factor times the best mode's step, plus these seconds
for the overhead of a call."""


LONGEST_FAILURE = 300
"""Characters of a failure that are kept."""


class Tuner:
    """Tries the compiled modes and chooses the one that ends a run soonest.

    A mode is tried only if it can pay off: XLA not in a run that is short compared with compiling, and the loop in XLA not if a
    step is long. A later run that is much longer is worth another look: at modes that were not tried, and at those that were
    measured for a fraction of the time that is right for it.

    Args:
        compiler: Compiles the candidates.
        step: The step function.
    """

    def __init__(self, compiler: StepCompiler, step: StepFunction) -> None:
        self._compiler = compiler
        self._step = step
        self._trials: dict[NamedMode, Trial] = {}
        self._compiled: dict[NamedMode, CompiledSteps] = {}

    def choose(self, reader: PeekableReader, first_step: int, length: RunLength) -> tuple[TuningResult, CompiledSteps]:
        """Choose the mode of a run.

        Args:
            reader: Reads the run's batches.
            first_step: The number of the run's next step.
            length: The length of the run.

        Returns:
            The choice, and the step compiled in its mode.

        Raises:
            CompileError: If no mode can run the step.
        """
        stack = reader.peek(1)
        key = _key(self._compiler, self._step, stack)
        begins = not self._trials
        if begins:
            self._trials = {found.mode: found for found in _recall(self._compiler.autotune_cache, key)}
        again, started, before = bool(self._trials), time.perf_counter(), dict(self._trials)
        for mode in ("graph", "xla", "xla-loop"):
            if self._worthwhile(mode, length) if again else self._promising(mode, length):
                self._try(mode, reader.peek(TRIAL_STEPS * self._step.batches_per_step), first_step, length)
        choice = TuningResult(tuple(self._trials.values()), length, frozenset(self._compiled))
        _check(choice)
        if self._trials != before:
            _remember(self._compiler.autotune_cache, key, choice.measurements)
            if again:
                spent = time.perf_counter() - started
                logger.info("this run is longer than those that were measured: another look at the modes took {:.1f} s", spent)
            logger.info("modes tried:\n{}", choice.table())
        elif begins:
            logger.info("modes, measured earlier:\n{}", choice.table())
        if choice.mode not in self._compiled:
            self._compiled[choice.mode] = self._compiler.compile(self._step, choice.mode, stack)
        return choice, self._compiled[choice.mode]

    def _promising(self, mode: NamedMode, length: RunLength) -> bool:
        """Whether a mode is tried when nothing is known."""
        graph, xla = self._trials.get("graph"), self._trials.get("xla")
        if mode == "xla":
            return bool(graph and (graph.failure or graph.remaining(length) > LEAST_RUN_IN_COMPILES * graph.compile_seconds))
        return mode == "graph" or _short_in_xla(xla)

    def _worthwhile(self, mode: NamedMode, length: RunLength) -> bool:
        """Whether a mode is tried (again), after other runs: if it can be the best, and takes a small share of this run."""
        best = min(self._trials.values(), key=lambda found: found.seconds_per_step)
        share = SHARE_OF_RUN * best.remaining(length)
        known, graph = self._trials.get(mode), self._trials.get("graph", best)
        if mode == "xla-loop" and not _short_in_xla(self._trials.get("xla")):
            return False
        if known and (_hopeless(known, best.seconds_per_step) or known.measured > min(LONGEST_TRIAL, share) / MUCH_LONGER):
            return False
        compiling = known.compile_seconds if known else XLA_COMPILES * graph.compile_seconds
        return (0.0 if mode in self._compiled else compiling) + LONGEST_TRIAL < share / CANDIDATES

    def _try(self, mode: NamedMode, stack: BatchStack, first_step: int, length: RunLength) -> None:
        best = min((found.seconds_per_step for other, found in self._trials.items() if other != mode), default=float("inf"))
        compiled = self._compiled.get(mode) or self._compiler.compile(self._step, mode, stack)
        self._compiled[mode] = compiled
        found = _measure(compiled, stack, first_step, length, best)
        if not found.failure and mode in self._trials:
            found = attrs.evolve(found, compile_seconds=max(found.compile_seconds, self._trials[mode].compile_seconds))
        self._trials[mode] = found


def _short_in_xla(xla: Trial | None) -> bool:
    return xla is not None and not xla.failure and xla.seconds_per_step < LONGEST_STEP_TO_LOOP


def _hopeless(found: Trial, best: float) -> bool:
    return bool(found.failure) or found.seconds_per_step > HOPELESS * best + CALL_OVERHEAD


def _check(choice: TuningResult) -> None:
    if all(found.failure for found in choice.measurements):
        raise CompileError(
            "the step runs in none of the compiled modes.",
            where='gantape.StepCompiler, mode "auto"',
            got="; ".join(f"{found.mode}: {found.failure}" for found in choice.measurements),
            do='fix the first failure; mode="eager" runs the same code line by line.',
        )


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
    new = not program.names
    try:
        if new:
            program.trace(stack.first(width))
    except CompileError as error:
        if compiled.mode == "graph":
            raise  # it runs in no mode
        return _failed(compiled, started, error)
    saved = SavedVariables()
    saved.add(program.variables)
    try:
        program.run(stack.first(width), first_step)
        compiled.means()
        compile_seconds = time.perf_counter() - started
        program.compile_seconds = compile_seconds if new else program.compile_seconds
        found = Trial(compiled.mode, compile_seconds, seconds(1))
        spent = found.seconds_per_step
        hopeless = _hopeless(found, best)
        while not hopeless and spent < min(LONGEST_TRIAL, SHARE_OF_RUN * found.remaining(length)):
            count = max(1, min(most, int(LONGEST_TRIAL / 4 / found.seconds_per_step)))
            taken = seconds(count)
            found = attrs.evolve(found, seconds_per_step=min(found.seconds_per_step, taken / count))
            spent += taken
        return attrs.evolve(found, measured=spent)
    except CompileError as error:
        return _failed(compiled, started, error)
    finally:
        saved.restore()
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
