"""Measure the contenders of a workload in turn, A B C A B C, each in its own process."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
from loguru import logger

from benchmarks.contenders import CONTENDERS, MODES, takes_part
from benchmarks.workers import Worker, WorkerError, worker_for
from benchmarks.workloads import WORKLOADS

SLOW = 4.0
"""A contender whose step takes this many times longer than a measurement is measured once."""


@attrs.frozen
class Plan:
    """The length of the measurements.

    Args:
        seconds: Seconds of work in a measurement.
        repetitions: Measurements of each contender.
        whole_run_steps: Steps of the runs that are timed from their start; 0 for none.
        folder: The folder of the data.
    """

    seconds: float
    repetitions: int
    whole_run_steps: int
    folder: Path


@attrs.define
class Result:
    """The results of a contender.

    Args:
        steps_per_second: The speed in each repetition.
        build_seconds: Seconds to import the framework and build networks and data.
        first_step_seconds: Seconds to trace, compile and run the first step, after that.
        peak_megabytes: The peak memory of its process.
        waiting_share: Share of a run in which gantape waits for batches.
        note: Why it was skipped or failed; what runs, for gantape.
    """

    steps_per_second: list[float] = attrs.field(factory=list)
    build_seconds: float | None = None
    first_step_seconds: float | None = None
    peak_megabytes: float | None = None
    waiting_share: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The median speed; 0 if it was not measured."""
        return float(np.median(self.steps_per_second)) if self.steps_per_second else 0.0


@attrs.define
class Findings:
    """The results of a workload.

    Args:
        contenders: The results of contenders, by name.
        whole_run_steps: Steps of the whole runs.
        whole_runs: For each mode of gantape that was tried, the seconds of each run.
    """

    contenders: dict[str, Result] = attrs.field(factory=dict)
    whole_run_steps: int = 0
    whole_runs: dict[str, list[float]] = attrs.field(factory=dict)


def measure_workload(name: str, contenders: Sequence[str], plan: Plan) -> Findings:
    """Measure contenders on a workload.

    All are built and warmed up one after the other, then measured in turn. One that fails is noted, and the others go on.

    Args:
        name: The workload.
        contenders: Their names; those that do not support the workload are left out.
        plan: The length of the measurements.
    """
    workload = WORKLOADS[name]
    data = plan.folder / f"{workload.data}.npz"
    findings = Findings({contender: Result() for contender in contenders if takes_part(contender, workload)})
    with contextlib.ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for contender, result in findings.contenders.items():
            result.note = CONTENDERS[contender].why_skipped
            if not result.note:
                worker = stack.enter_context(worker_for(name, contender, data))
                if _prepare(worker, result):
                    workers[contender] = worker
            logger.info("{} {}: {}", name, contender, result.note or f"first step after {result.first_step_seconds:.1f} s")
        for repetition in range(plan.repetitions):
            for contender, worker in workers.items():
                _measure(worker, findings.contenders[contender], plan.seconds, repetition)
        for contender, worker in workers.items():
            _finish(worker, contender, findings.contenders[contender], plan.seconds)
    if plan.whole_run_steps and any(contender == "gantape-auto" for contender in workers):
        findings.whole_run_steps = min(plan.whole_run_steps, workload.whole_run_steps or plan.whole_run_steps)
        findings.whole_runs = _whole_runs(name, data, findings, plan.repetitions)
    return findings


def _prepare(worker: Worker, result: Result) -> bool:
    try:
        result.build_seconds = worker.ask("build")
        result.first_step_seconds = worker.ask("warm_up")
    except WorkerError as error:
        result.note = f"failed: {error}"
        worker.close()
        return False
    return True


def _measure(worker: Worker, result: Result, seconds: float, repetition: int) -> None:
    if result.note or (repetition and 1.0 / result.median > SLOW * seconds):
        return
    try:
        result.steps_per_second.append(worker.ask("measure", seconds))
    except WorkerError as error:
        result.note = f"failed: {error}"


def _finish(worker: Worker, contender: str, result: Result, seconds: float) -> None:
    if result.note:
        return
    result.peak_megabytes = worker.ask("peak_megabytes")
    if contender.startswith("gantape-"):
        result.waiting_share = worker.ask("call", "waiting_share", max(1, round(seconds * result.median)))
        result.note = worker.ask("call", "explain")


def _whole_runs(name: str, data: Path, findings: Findings, repetitions: int) -> dict[str, list[float]]:
    """Seconds of whole runs in fresh processes, in "auto" and in each named mode that could be the fastest."""
    predicted = {
        mode: result.first_step_seconds + findings.whole_run_steps / result.median
        for mode in MODES
        if (result := findings.contenders.get(f"gantape-{mode}", Result())).median and result.first_step_seconds
    }
    soonest = min(predicted.values(), default=0.0)
    modes = ["auto", *(mode for mode, seconds in predicted.items() if seconds < 2.0 * soonest)]
    seconds: dict[str, list[float]] = {mode: [] for mode in modes}
    for _ in range(repetitions):
        for mode in modes:
            with worker_for(name, f"gantape-{mode}", data) as worker:
                worker.ask("build")
                seconds[mode].append(worker.ask("call", "whole_run", findings.whole_run_steps))
    return seconds
