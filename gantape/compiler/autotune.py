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
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import keras
import tensorflow as tf
from loguru import logger

from gantape._files import read_json, write_whole
from gantape.compiler.compiled import CompiledSteps
from gantape.compiler.compiler import StepCompiler
from gantape.compiler.programs import GraphProgram, NamedMode, StepFunction
from gantape.compiler.trials import RunLength, Trial, TuningResult
from gantape.data import BatchStack, PeekableReader
from gantape.errors import CompileError
from gantape.steps.saved import SavedVariables

TRIAL_STEPS = 32
LONGEST_TRIAL, LARGEST_TRIAL = 1.0, 0.01
"""Seconds of steps in a trial, after compiling and the first two steps, and the share of the run that they take at most."""

SHARE_OF_RUN, SHARE_IF_SHORT = 0.05, 0.1
"""The share of a run that trials of XLA may take, since they may be in vain. More is spent where a step is short and nothing is
known: XLA can make such steps several times as fast."""

SHORT_STEP = 0.001
"""Seconds. Overhead between operations is much of a shorter step, so that the loop in XLA is tried first."""

LONGEST_STEP_TO_LOOP = 0.02
"""Seconds. A loop in XLA saves the overhead between steps, tenths of a millisecond, but makes convolutions on a CPU many times
slower (they run on one thread there): it is tried only for steps that are short in XLA."""

XLA_COMPILES = 4.0
"""XLA takes about this many times as long to compile as the graph (3 to 5 times, says `benchmark_first_step.py`)."""

MUCH_LONGER = 4.0
"""A mode is measured again if it was measured for less than one part in so many of the time that is right for a run."""

HOPELESS, CALL_OVERHEAD = 2.0, 0.01
"""A mode is not measured further if its first step takes longer than this factor times the best mode's step, plus these seconds
for the overhead of a call."""


LONGEST_FAILURE = 300
"""Characters of a failure that are kept."""


class Tuner:
    """Tries the compiled modes and chooses the one that ends a run soonest.

    A mode is tried only if it can be the best, and if its trial takes a small share of the run. So XLA is not tried in a run
    that is short compared with compiling, and the loop in XLA not if a step is long. A later run that is much longer is worth
    another look: at modes that were not tried, and at those that were measured for a fraction of the time that is right for it.

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
        peeked = TRIAL_STEPS * self._step.batches_per_step
        if not again:
            self._try("graph", reader.peek(peeked), first_step, length)
        short = self._shorter("graph", SHORT_STEP)
        budget = (SHARE_IF_SHORT if short and not again else SHARE_OF_RUN) * self._best().remaining(length)
        xla: list[NamedMode] = ["xla-loop", "xla"] if short else ["xla", "xla-loop"]
        for mode in ["graph", *xla] if again else xla:
            cost = self._cost(mode, length)
            if cost < budget and self._can_win(mode, length):
                budget -= cost
                self._try(mode, reader.peek(peeked), first_step, length)
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

    def _shorter(self, mode: NamedMode, seconds: float) -> bool:
        """Whether a mode was measured, and its steps are shorter."""
        return mode in self._trials and self._trials[mode].seconds_per_step < seconds

    def _best(self) -> Trial:
        return min(self._trials.values(), key=lambda found: found.seconds_per_step)

    def _cost(self, mode: NamedMode, length: RunLength) -> float:
        """About how many seconds a trial of a mode takes."""
        known, best = self._trials.get(mode), self._best()
        compiling = known.compile_seconds if known else XLA_COMPILES * self._trials.get("graph", best).compile_seconds
        return (0.0 if mode in self._compiled else compiling) + _enough(best, length)

    def _can_win(self, mode: NamedMode, length: RunLength) -> bool:
        """Whether a mode may turn out to be the best: if it was measured, only if that was brief."""
        known, best = self._trials.get(mode), self._best()
        if mode == "xla-loop" and not (self._shorter("graph", SHORT_STEP) or self._shorter("xla", LONGEST_STEP_TO_LOOP)):
            return False
        return known is None or not (
            _hopeless(known, best.seconds_per_step) or known.measured > _enough(best, length) / MUCH_LONGER
        )

    def _try(self, mode: NamedMode, stack: BatchStack, first_step: int, length: RunLength) -> None:
        first = not self._trials
        best = min((found.seconds_per_step for other, found in self._trials.items() if other != mode), default=float("inf"))
        compiled = self._compiled.get(mode) or self._compiler.compile(self._step, mode, stack)
        self._compiled[mode] = compiled

        def worth_measuring(found: Trial) -> bool:
            if first:  # whether another mode can be tried
                share = SHARE_IF_SHORT if found.seconds_per_step < SHORT_STEP + CALL_OVERHEAD else SHARE_OF_RUN
                return XLA_COMPILES * found.compile_seconds + _enough(found, length) < share * found.remaining(length)
            return not _hopeless(found, best)

        found = _measure(compiled, stack, first_step, length, worth_measuring)
        if not found.failure and mode in self._trials:
            found = attrs.evolve(found, compile_seconds=max(found.compile_seconds, self._trials[mode].compile_seconds))
        self._trials[mode] = found


def _enough(found: Trial, length: RunLength) -> float:
    """The seconds of steps that are enough for a trial, in a run whose steps take as long as those that were found."""
    return min(LONGEST_TRIAL, LARGEST_TRIAL * found.remaining(length))


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


def _measure(
    compiled: CompiledSteps, stack: BatchStack, first_step: int, length: RunLength, worth_measuring: Callable[[Trial], bool]
) -> Trial:
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
        enough = _enough(found, length) if worth_measuring(found) else 0.0
        while spent < enough:
            count = max(1, min(most, int(enough / 4 / found.seconds_per_step)))
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


def _recall(path: Path | None, key: str) -> Sequence[Trial]:
    if path is None or not path.exists():
        return ()
    try:
        return _kept(path).get(key, ())
    except (OSError, ValueError, TypeError) as error:
        logger.warning("{} holds no measurements ({}): measuring again.", path, error)
        return ()


def _remember(path: Path | None, key: str, measurements: Sequence[Trial]) -> None:
    if path is None:
        return
    kept: dict[str, Sequence[Trial]] = {}
    with contextlib.suppress(OSError, ValueError, TypeError):
        kept = _kept(path)  # again, since other processes write it too
    kept[key] = measurements
    text = json.dumps({key: [attrs.asdict(found) for found in trials] for key, trials in kept.items()}, indent=2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        logger.warning("measurements cannot be saved in {}: {}", path, error)


def _kept(path: Path) -> dict[str, Sequence[Trial]]:
    """The measurements in a file, by key."""
    return {key: [Trial(**found) for found in trials] for key, trials in read_json(path).items()}
