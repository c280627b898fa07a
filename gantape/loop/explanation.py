"""What `Loop.explain` says."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gantape.compiler.compiled import CompiledSteps
from gantape.compiler.trials import TuningResult
from gantape.errors import counted, listed
from gantape.inspection import Inspection
from gantape.inspection.networks import Network, networks_of
from gantape.inspection.text import bytes_as_text, table
from gantape.loop.duration import Speed
from gantape.steps.loss_scale import applied_optimizer
from gantape.steps.step import Update
from gantape.tasks import Task
from gantape.tasks.variables import learning_rate_of


def explain_run(
    task: Task,
    mode: str,
    compiled: CompiledSteps | None,
    choice: TuningResult | None,
    speed: Speed,
    seen: Inspection | None = None,
) -> str:
    """Mode, traces, compile seconds, speed, measurements of "auto", networks, updates and memory, as text.

    Args:
        task: The task.
        mode: The mode of the compiler.
        compiled: The compiled steps, if there are any.
        choice: What was measured for the mode "auto".
        speed: The speed of the newest run.
        seen: What was seen of the updates on a batch, if somebody has looked.
    """
    updates = task.updates()
    how = compiled.explain() if compiled else f"mode {mode}, nothing is traced yet"
    tried = [choice.table()] if choice else []
    networks = networks_of(task, updates)
    rows = [_UPDATES, *(_update_row(update, networks) for update in updates)]
    tables = [*table(_network_rows(networks, updates), right=(1, 2)), "", *table(rows, right=(3, 4))]
    measured = [f"{speed} in the newest run, without compiling"] if str(speed) else []
    parts = [repr(task), how, *measured, *tried, "", *tables, "", _memory(task, networks)]
    return "\n".join([*parts, *(["", str(seen)] if seen else [])])


_NETWORKS = ("network", "parameters", "trained", "inputs", "outputs", "moved by")
_UPDATES = ("update", "moves", "optimizer", "learning rate", "variables", "when")


def _network_rows(networks: Sequence[Network], updates: Sequence[Update]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [_NETWORKS]
    for network in networks:
        moved = {update.name: network.moved_by(update) for update in updates}
        movers = [name for name, variables in moved.items() if variables]
        movers += [f"average of {update.name}" for update in updates if update.average and update.average.copy is network.model]
        trained = {id(variable): variable for variables in moved.values() for variable in variables}
        sizes = [f"{sum(map(_size, variables)):,}" for variables in (network.all_variables, trained.values())]
        shapes = [_shapes(getattr(network.model, name, None)) for name in ("input_shape", "output_shape")]
        rows.append((network.name, *sizes, *shapes, ", ".join(movers) or "no update"))
    return rows


def _update_row(update: Update, networks: Sequence[Network]) -> tuple[str, ...]:
    names = [network.name for network in networks if network.moved_by(update)]
    often = f"{update.repeats} times " if update.repeats > 1 else ""
    when = "every step" if update.every == 1 else f"every {update.every} steps"
    lazy = "".join(f", {term} every {every} steps" for term, every in update.lazy.items())
    optimizer = applied_optimizer(update.optimizer)
    rate = learning_rate_of(optimizer)
    rate_as_text = "-" if rate is None else f"{rate:.3g}"
    count = str(len(update.trainable_variables))
    return (update.name, listed(names) or "variables", type(optimizer).__name__, rate_as_text, count, f"{often}{when}{lazy}")


def _memory(task: Task, networks: Sequence[Network]) -> str:
    groups: dict[str, Sequence[Any]] = {
        "networks": [variable for network in networks for variable in network.all_variables],
        "optimizers": [variable for update in task.updates() for variable in update.optimizer.variables],
        "others": task.variables,
    }
    known: set[int] = set()
    sizes = {}
    for name, variables in groups.items():
        fresh = {id(variable): variable for variable in variables if id(variable) not in known}
        known |= set(fresh)
        sizes[name] = sum(_size(variable) * tf.as_dtype(variable.dtype).size for variable in fresh.values())
    each = ", ".join(f"{name} {bytes_as_text(size)}" for name, size in sizes.items() if size)
    return f"{counted(len(known), 'variable')} in all, {bytes_as_text(sum(sizes.values()))}: {each}"


def _size(variable: Any) -> int:
    return math.prod(variable.shape)


def _shapes(shapes: Any) -> str:
    """The shapes of a model's inputs or outputs, without the batch; "-" if they are not known."""
    several = shapes.values() if isinstance(shapes, dict) else shapes if isinstance(shapes, list) else [shapes]
    known = [shape for shape in several if isinstance(shape, tuple)]
    return "; ".join(" × ".join(str(axis or "?") for axis in shape[1:]) or "1" for shape in known) or "-"
