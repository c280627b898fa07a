"""A description of a run, for the record and as text."""

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


def explain_run(task: Task, mode: str, compiled: CompiledSteps | None, choice: TuningResult | None) -> str:
    """Mode, traces, compile seconds, measurements of "auto", number of variables and the updates of a step, as text."""
    updates = [
        f"  {update.name}: {len(update.trainable_variables)} variables, {type(update.optimizer).__name__}"
        f", {update.repeats} times every {update.every} steps"
        for update in task.updates()
    ]
    how = compiled.explain() if compiled else f"mode {mode}, nothing is traced yet"
    tried = [choice.table()] if choice else []
    return "\n".join([repr(task), how, *tried, f"{len(task.variables)} variables in all; updates:", *updates])
