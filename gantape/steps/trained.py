"""The variables that updates move may change while a task exists: layers are frozen and thawed, adapters are added."""

from collections.abc import Sequence
from typing import Any, Protocol

from gantape._tensorflow import grow_optimizer, known_variables, schedule_of
from gantape.errors import TaskError
from gantape.steps.loss_scale import applied_optimizer
from gantape.steps.python_values import values_of
from gantape.types import Model, Optimizer, Variable


class Trained(Protocol):
    """What is asked of an update here."""

    @property
    def name(self) -> str: ...
    @property
    def loss(self) -> Any: ...
    @property
    def variables(self) -> Sequence[Model | Variable]: ...
    @property
    def trainable_variables(self) -> Sequence[Variable]: ...
    @property
    def optimizer(self) -> Optimizer: ...
    @property
    def average(self) -> Any: ...


def python_state(updates: Sequence[Trained]) -> dict[str, Any]:
    """The Python values that a trace contains, by name: variables and whether they are trained, and settings.

    A step has to be traced again when they change. Settings are switches, numbers and texts, such as the rate of a dropout, the
    weight decay of an optimizer or a factor in a loss, and schedules of learning rates.
    """
    models = [part for update in updates for part in update.variables if isinstance(part, Model)]
    schedules = [(f"{update.name}/schedule", schedule_of(applied_optimizer(update.optimizer))) for update in updates]
    state = values_of([*((update.name, update.loss) for update in updates), *schedules], models) | dict(schedules)
    for update in updates:
        for optimizer in dict.fromkeys([update.optimizer, applied_optimizer(update.optimizer)]):
            named = f"{type(optimizer).__name__} of {update.name}"
            state |= {f"{named}.{name}": value for name, value in vars(optimizer).items() if _is_setting(name, value)}
    variables = {id(variable): variable for model in models for variable in model.variables}
    return state | {f"{variable.path}#{place}": is_trained(variable) for place, variable in variables.items()}


def _is_setting(name: str, value: Any) -> bool:
    """Whether an attribute of an optimizer is a setting."""
    return isinstance(value, bool | int | float) and not name.startswith("_")


def is_trained(variable: Variable) -> bool:
    """Whether a variable is to be trained."""
    return bool(getattr(variable, "trainable", True))


def cover(update: Trained) -> None:
    """Give an update's optimizer state for variables that are trained since it was built; the other state does not change.

    The state is in the order of the model's variables, as if the optimizer had been built for all of them at once.

    Raises:
        TaskError: If a new optimizer cannot be made from the configuration of this one, or a model has other variables than the
            copy that holds its average.
    """
    _check_average(update)
    optimizer = applied_optimizer(update.optimizer)
    covered = {id(variable) for variable in known_variables(optimizer)}
    if all(id(variable) in covered for variable in update.trainable_variables):
        return
    covered |= {id(variable) for variable in update.trainable_variables}
    nested = [part.variables if isinstance(part, Model) else [part] for part in update.variables]
    ordered = {id(variable): variable for variables in nested for variable in variables if id(variable) in covered}
    try:
        fresh = type(optimizer).from_config(optimizer.get_config())
    except Exception as error:
        raise TaskError(
            "other variables are trained than before, and the optimizer cannot be extended to them.",
            where=f'Update "{update.name}"',
            got=f"{type(optimizer).__name__}, {type(error).__name__}: {error}"[:300],
            do="define get_config and from_config in this optimizer, or make a new task that trains what is to be trained.",
        ) from None
    fresh.build(list(ordered.values()))
    grow_optimizer(optimizer, fresh)


def _check_average(update: Trained) -> None:
    if update.average is None:
        return
    copy, model = (
        [tuple(variable.shape) for variable in part.variables] for part in (update.average.copy, update.average.model)
    )
    if copy != model:
        raise TaskError(
            "a model has other variables than the copy that holds its moving average.",
            where=f'Update "{update.name}"',
            got=f"{len(model)} variables of the model, {len(copy)} of the copy",
            do="change the copy in the same way, for instance by enable_lora or quantize, or make a new task.",
        )
