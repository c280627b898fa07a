"""A description of a run, for the record."""

from typing import Any

from gantape.compiler.compiled import CompiledSteps
from gantape.compiler.trials import TuningResult
from gantape.loop.duration import Speed
from gantape.state import RunState
from gantape.tasks import Task


def describe_run(
    task: Task, state: RunState, compiled: CompiledSteps, choice: TuningResult | None, speed: Speed
) -> dict[str, Any]:
    """The task, mode and progress of a run, for the record."""
    return {
        "task": type(task).__name__,
        "hyperparameters": task.hyperparameters,
        "mode": compiled.mode,
        "steps_per_call": compiled.most_steps,
        "modes_tried": choice.record() if choice else [],
        "steps": state.step,
        "epochs": state.epoch,
        "updates": state.updates,
        "examples": state.examples,
        "seconds": round(state.seconds, 3),
        "compile_seconds": round(compiled.compile_seconds, 3),
        "steps_per_second": round(speed.steps_per_second, 3),
    }
