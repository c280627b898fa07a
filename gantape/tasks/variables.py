"""The variables of a task by name, and whether it holds all that its steps use."""

from collections.abc import Sequence
from typing import Any

import keras

from gantape.compiler.resources import Usage
from gantape.distribute.replicas import copies
from gantape.errors import TaskError, listed, warn
from gantape.tasks.holdings import HashTable, holdings_of
from gantape.tasks.task import Task
from gantape.types import Variable

LEARNING_RATE = "/learning_rate"


def named_variables(task: Task) -> dict[str, Variable]:
    """Every variable that a part holds, once, by name."""
    return holdings_of(task).variables


def learning_rates(task: Task) -> dict[str, float]:
    """The learning rate of each optimizer that has one as a variable, by the variable's name."""
    return {
        name: float(variable.numpy())
        for name, variable in named_variables(task).items()
        if name.endswith(LEARNING_RATE) and not tuple(variable.shape)
    }


def learning_rate_of(optimizer: Any) -> float | None:
    """The learning rate of an optimizer now; `None` if it has none. Of one with a copy on each replica, that of all copies."""
    rate = getattr(optimizer, "learning_rate", None)
    return None if rate is None else float(rate.numpy() if hasattr(rate, "numpy") else rate)


def rates_by_update(task: Task) -> dict[str, float]:
    """The learning rate now of each update whose optimizer has one."""
    rates = {update.name: learning_rate_of(update.optimizer) for update in task.updates()}
    return {name: rate for name, rate in rates.items() if rate is not None}


def rates_of_updates(task: Task) -> list[Variable]:
    """The learning rates of the updates' optimizers, as far as they are variables: not those that follow a schedule."""
    rates = [getattr(update.optimizer, "learning_rate", None) for update in task.updates()]
    return [rate for rate in rates if isinstance(rate, keras.Variable)]


def check_parts_hold(task: Task, usage: Sequence[Usage] = ()) -> None:
    """Raise a `TaskError` if a step or an update uses variables or tables that no part holds: they would not be saved.

    Warn if a step draws random numbers whose state cannot be saved.

    Args:
        task: The task.
        usage: What its steps use.

    Raises:
        TaskError: If there are such variables or tables.
    """
    holdings = holdings_of(task)
    held = {id(copy.handle) for variable in holdings.variables.values() for copy in copies(variable)}
    held |= {id(thing.table.resource_handle) for thing in holdings.objects.values() if isinstance(thing, HashTable)}
    known: list[Variable] = []
    for update in task.updates():
        known += [*update.trainable_variables, *update.optimizer.variables]
        known += [variable for model in update.models for variable in model.variables]
        known += update.average.copy.variables if update.average else []
    own = {id(copy.handle): variable.path for variable in known for copy in copies(variable)}
    found = {**{id(resource.handle): resource.name for used in usage for resource in used.resources}, **own}
    strangers = [name for handle, name in found.items() if handle not in held]
    if strangers:
        raise TaskError(
            "a step uses variables or tables that no part of the task holds: they would not be saved.",
            where=type(task).__name__,
            got=listed(strangers),
            do="return their owner (a model, an optimizer, a metric, a layer) or the variable itself from a build_ method, and "
            "create them with add_weight in a layer; draw random numbers from `rng`; or do without checkpoints, with "
            "gantape.Loop(..., checkpoints=None).",
        )
    draws = sorted({kind for used in usage for kind in used.draws})
    if draws:
        warn(
            "a step draws random numbers of TensorFlow's own, whose state is not saved: a resumed run draws others.",
            where=type(task).__name__,
            got=listed(draws),
            do="draw them from `rng`; or with keras.random and a keras.random.SeedGenerator that a layer or a part holds.",
        )
