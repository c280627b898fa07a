"""Checks of a task's updates."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from gantape._tensorflow import known_variables
from gantape.errors import TaskError, listed, warn
from gantape.history import check_names
from gantape.steps.loss_scale import applied_optimizer
from gantape.steps.step import Update
from gantape.types import Model, Optimizer, Variable


def check_updates(updates: Sequence[Update], where: str) -> None:
    """Build the optimizers, and raise a `TaskError` for updates that cannot be trained.

    Raises:
        TaskError: If there is no update, a name is shared or has a slash, an optimizer is shared, a loss takes other arguments,
            nothing is trained, or an interval is not positive.
    """
    if not isinstance(updates, Sequence) or not updates or not all(isinstance(update, Update) for update in updates):
        raise TaskError(
            "a task has at least one update.",
            where=f"{where}.updates",
            got=repr(updates),
            do="return a tuple of gantape.Update.",
        )
    for kind, values in (
        ("name", [update.name for update in updates]),
        ("optimizer", [id(update.optimizer) for update in updates]),
    ):
        if len(set(values)) < len(values):
            raise TaskError(
                f"two updates share one {kind}.",
                where=f"{where}.updates",
                got=", ".join(f'Update "{update.name}" with {type(update.optimizer).__name__}' for update in updates),
                do=f"give each update {'an' if kind == 'optimizer' else 'a'} {kind} of its own"
                + ("; an optimizer's moments belong to its variables." if kind == "optimizer" else "."),
            )
    check_names([update.name for update in updates], f"{where}.updates", TaskError, taken=())
    for update in updates:
        problem = _problem(update)
        if problem:
            raise TaskError(problem[0], where=f'{where}.updates, Update "{update.name}"', got=problem[1], do=problem[2])
        update.optimizer.build(update.trainable_variables)
    _check_fit_methods(updates, where)


def _check_fit_methods(updates: Sequence[Update], where: str) -> None:
    """Warn of models that say how `fit` is to train them: a loop trains the updates."""
    for model in {id(model): model for update in updates for model in update.models}.values():
        own = [
            name
            for name in ("train_step", "test_step", "compute_loss")
            if isinstance(model, keras.Model) and getattr(type(model), name) is not getattr(keras.Model, name)
        ]
        if own:
            warn(
                "methods of a model that only `fit` and `evaluate` call are not called.",
                where=f"{where}.updates, {type(model).__name__}",
                got=", ".join(own),
                do="compute the loss in the task: in build_loss of a SupervisedTask, or in the loss of a gantape.Update.",
            )


def _built_for(optimizer: Optimizer) -> list[Variable]:
    applied = applied_optimizer(optimizer)
    return known_variables(applied) if getattr(applied, "built", False) else []


def _arguments(loss: Any) -> str | None:
    """The arguments of a loss, if it cannot be called with a batch and random streams."""
    try:
        signature = inspect.signature(loss)
    except (TypeError, ValueError):  # what is no function, or one without a signature
        return None if callable(loss) else repr(loss)
    try:
        signature.bind(None, None)
    except TypeError:
        return f"{getattr(loss, '__qualname__', type(loss).__name__)}{signature}"
    return None


def _problem(update: Update) -> tuple[str, str, str] | None:
    if isinstance(update.optimizer, type) or not isinstance(update.optimizer, Optimizer):
        return (
            "this is not an optimizer of Keras.",
            repr(update.optimizer),
            "give an instance, such as keras.optimizers.Adam(1e-3).",
        )
    if isinstance(update.variables, Model | keras.Variable) or not isinstance(update.variables, Iterable):
        return (
            "`variables` is a list.",
            f"a {type(update.variables).__name__}",
            "put models and variables into a list, as in [self.model].",
        )
    arguments = _arguments(update.loss)
    if arguments is not None:
        return (
            "a loss takes a batch and random streams.",
            arguments,
            "define it as loss(self, batch, rng).",
        )
    strangers = [
        part for part in update.variables if not isinstance(part, Model | keras.Variable) or isinstance(part, tf.Module)
    ]
    if strangers:
        return (
            "`variables` takes models and variables of Keras.",
            ", ".join(type(part).__name__ for part in strangers),
            "give models, such as keras.Sequential([...]), their variables, or a keras.Variable instead of a tf.Variable.",
        )
    unbuilt = [model.name for model in update.models if not getattr(model, "built", True)]
    if unbuilt:
        return (
            "a model has no weights yet.",
            ", ".join(unbuilt),
            "begin it with keras.Input(shape=...), or call it once where it is built.",
        )
    if not update.trainable_variables:
        frozen = [model.name for model in update.models if model.variables]
        return (
            "there is nothing to move.",
            f"{', '.join(frozen)} with trainable=False" if frozen else "no trainable variables",
            "leave out `trainable = False`: an update moves its own models only, so that no other has to be frozen."
            if frozen
            else "name models or variables that can be trained.",
        )
    owned = {id(variable) for part in update.variables for variable in (part.variables if isinstance(part, Model) else [part])}
    foreign = [variable.path for variable in _built_for(update.optimizer) if id(variable) not in owned]
    if foreign:
        return (
            "the optimizer was made for other variables.",
            f"a {type(update.optimizer).__name__} with moments of {listed(foreign)}",
            "make an optimizer for each task, in build_optimizer: its moments belong to its variables.",
        )
    intervals = {"repeats": update.repeats, "every": update.every} | {
        f"lazy[{term!r}]": every for term, every in update.lazy.items()
    }
    for field, value in intervals.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            return (f"`{field}` is a positive whole number.", f"{field}={value!r}", "give 1 or more.")
    return None
