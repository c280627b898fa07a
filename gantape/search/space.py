"""Fields of a task as a search space."""

import difflib
import math
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from gantape.errors import HyperparameterError
from gantape.tasks import Task

Space: TypeAlias = Mapping[str, tuple[float, float] | list[Any]]
"""For each field of a task to search, the least and the greatest number as a tuple, or all choices as a list."""

LOGARITHMIC = 10.0
"""A range of floats whose ends differ by this factor or more is searched on a logarithmic scale."""


def suggest(trial: Any, task_class: type[Task], space: Space) -> dict[str, Any]:
    """Let a trial choose hyper-parameters: the arguments of the task.

    ```python
    task = DCGAN(**search.suggest(trial, DCGAN, {"learning_rate": (1e-4, 1e-2), "width": (4, 16), "beta_1": [0.0, 0.5]}))
    ```

    A field of type `int` gets integers. A range of floats is searched on a logarithmic scale if its ends are positive and
    the upper one is at least ten times the lower. Choices can be any objects, such as losses; the study has their `repr`.

    Args:
        trial: The trial, an `optuna.Trial`.
        task_class: The class of the task.
        space: The fields to search. Other fields keep their defaults.

    Returns:
        The value of each field.

    Raises:
        HyperparameterError: If the task has no such field, or what is given for it is neither a range nor choices.
    """
    return {name: _suggested(trial, task_class, name, values) for name, values in space.items()}


def _suggested(trial: Any, task_class: type[Task], name: str, values: Any) -> Any:
    annotation = _annotation(task_class, name)
    if isinstance(values, list) and values:
        return _chosen(trial, name, values)
    if not isinstance(values, tuple) or len(values) != 2 or not all(map(_is_number, values)) or not values[0] < values[1]:
        raise _no_range(task_class, name, values)
    low, high = values
    kinds = {annotation, *typing.get_args(annotation)}
    if float in kinds:
        return trial.suggest_float(name, float(low), float(high), log=0.0 < low * LOGARITHMIC <= high)
    if int in kinds and low == int(low) and high == int(high):
        return trial.suggest_int(name, int(low), int(high))
    raise _no_range(task_class, name, values)


def _chosen(trial: Any, name: str, choices: Sequence[Any]) -> Any:
    """One of some choices; a study stores numbers and texts only."""
    plain = all(isinstance(choice, bool | int | float | str | None) for choice in choices)
    named = {choice if plain else repr(choice): choice for choice in choices}
    return named[trial.suggest_categorical(name, list(named))]


def _annotation(task_class: type[Task], name: str) -> Any:
    known = [field.name for field in attrs.fields(task_class)]
    if name in known:
        return typing.get_type_hints(task_class)[name]
    close = difflib.get_close_matches(name, known, n=1)
    raise HyperparameterError(
        "there is no such hyper-parameter to search.",
        where=f"gantape.search.suggest, {task_class.__name__}",
        got=name,
        do=f"did you mean `{close[0]}`?" if close else f"the fields are {', '.join(known)}.",
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _no_range(task_class: type[Task], name: str, values: Any) -> HyperparameterError:
    return HyperparameterError(
        "this is not a range of the field, and no list of choices.",
        where=f"gantape.search.suggest, {task_class.__name__}, field `{name}`",
        got=repr(values),
        do="give the least and the greatest number, (1e-4, 1e-2) or (8, 32), or a list of choices, [0.0, 0.5].",
    )
