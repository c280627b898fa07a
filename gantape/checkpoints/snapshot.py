"""What a checkpoint holds of a run, and how it comes back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from loguru import logger

from gantape.callbacks import Callback
from gantape.callbacks.callback import Stateful
from gantape.checkpoints.folder import DATA, TENSORS, CheckpointFolder, step_of
from gantape.checkpoints.standing import Standing, history_of, totals_of
from gantape.checkpoints.tensors import check_finite, check_specs, read_tensors, specs, write_tensors
from gantape.compiler.compiled import CompiledSteps, Totals
from gantape.data import Reader
from gantape.distribute.replicas import copies
from gantape.errors import RunDirectoryError, ScheduleError, TaskError
from gantape.history import History
from gantape.tasks import Task
from gantape.tasks.variables import learning_rates, named_variables
from gantape.types import Variable


@attrs.frozen(eq=False)
class Running:
    """A run, as far as a checkpoint has to know of it beside its task.

    Args:
        standing: Where it stands.
        history: Its rows.
        compiled: Runs its steps, and adds up what they report.
        reader: Reads its data.
        callbacks: Its actions.
    """

    standing: Standing
    history: History
    compiled: CompiledSteps
    reader: Reader
    callbacks: Sequence[Callback]


@attrs.frozen(eq=False)
class Restored:
    """What a checkpoint held, apart from the variables, which have it already.

    Args:
        folder: The checkpoint.
        standing: Where the run stood.
        history: Its rows.
        totals: The running sums.
        reader: What the reader of the data needs.
        actions: What each stateful action remembers.
        learning_rates: The learning rates that the run began with.
    """

    folder: Path
    standing: Standing
    history: History
    totals: list[Totals]
    reader: dict[str, Any]
    actions: dict[str, Any]
    learning_rates: dict[str, float]


class Saver:
    """Saves a run.

    Args:
        task: What is trained.
        folder: The checkpoints of the run.
    """

    def __init__(self, task: Task, folder: CheckpointFolder) -> None:
        self.folder = folder
        self.newest: Path | None = None
        self.learning_rates = learning_rates(task)
        self._task = task
        self._variables = named_variables(task)

    @property
    def newest_step(self) -> int | None:
        """The step of the newest checkpoint."""
        return None if self.newest is None else step_of(self.newest)

    def save(self, running: Running, keep: int) -> None:
        """Save where a run stands, and keep the newest few.

        Raises:
            TaskError: If a step changes variables that no part of the task holds.
            NotFiniteError: If a variable is not finite.
            RunDirectoryError: If the checkpoint cannot be written.
        """
        check_parts_hold(self._task, running.compiled)
        check_finite(self._variables, running.standing.moment.step)
        state: dict[str, Any] = running.standing.state() | {
            "history": [dict(row) for row in running.history],
            "totals": [attrs.asdict(totals) for totals in running.compiled.totals()],
            "actions": {name: _state_of(name, action) for name, action in _stateful(running.callbacks).items()},
            "tensors": specs(self._variables),
            "learning_rates": self.learning_rates,
            "reader": {},
        }

        def write(folder: Path) -> None:
            write_tensors(self._variables, folder / TENSORS)
            state["reader"] = running.reader.save(folder / DATA)

        with running.compiled.scope():
            self.newest = self.folder.save(state, write, keep)

    def mark_best(self, value: float) -> None:
        """Mark the newest checkpoint as the best."""
        if self.newest is not None:
            self.folder.mark_best(self.newest, value)

    def check_untouched(self) -> None:
        """Raise an error if another loop has saved here since.

        Raises:
            RunDirectoryError: If so.
        """
        if self.folder.newest() != self.newest:
            raise RunDirectoryError(
                "the checkpoints are not as this loop left them.",
                where=str(self.folder.path),
                got=f"{_name(self.folder.newest())} as the newest, where this loop knows of {_name(self.newest)}",
                do="go on by gantape.Loop.resume: another loop has gone on with this run, or has removed its checkpoints.",
            )


def restore(task: Task, folder: CheckpointFolder, changed: Sequence[str] = (), which: Path | None = None) -> Restored:
    """Give a task's variables what the newest whole checkpoint holds, or the one that is named.

    Where hyper-parameters were changed on purpose, an optimizer whose learning rate is another one than the run began with
    keeps the new one.

    Raises:
        RunDirectoryError: If there is no whole checkpoint, or it is one of other networks.
    """
    path, state = folder.load(which)
    try:
        tensors, rates = _texts(state, "tensors"), {str(k): float(v) for k, v in dict(state["learning_rates"]).items()}
        found = Restored(
            path, Standing.of(state), history_of(state), totals_of(state), dict(state["reader"]), dict(state["actions"]), rates
        )
    except (ValueError, TypeError, KeyError) as error:
        raise RunDirectoryError(
            "the state in a checkpoint makes no sense.",
            where=str(path),
            got=f"{type(error).__name__}: {error}"[:200],
            do="remove this checkpoint: the one before it is used then.",
        ) from None
    variables = named_variables(task)
    check_specs(specs(variables), tensors, str(path))
    new_rates = learning_rates(task) if changed else {}
    read_tensors(variables, path / TENSORS)
    for name, rate in new_rates.items():
        if rate != found.learning_rates.get(name):
            variables[name].assign(rate)
            logger.info("{} is {} from here on", name, rate)
    return found


def restore_actions(callbacks: Sequence[Callback], states: Mapping[str, Any], where: str) -> None:
    """Give stateful actions what they remembered. Callbacks may be others than before: the log tells who remembers nothing.

    Raises:
        RunDirectoryError: If an action cannot take its state.
    """
    actions = _stateful(callbacks)
    for name in dict.fromkeys([*actions, *states]):
        if name not in states:
            logger.warning("the callback {} is new: it remembers nothing of the run.", name)
        elif name not in actions:
            logger.warning("the callback {} of the run is not among the callbacks: what it remembered is left.", name)
        else:
            try:
                actions[name].restore(states[name])
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise RunDirectoryError(
                    "a callback cannot take what it remembered.",
                    where=f"{where}, {name}",
                    got=f"{type(error).__name__}: {error}"[:200],
                    do="resume with the callback that the run began with.",
                ) from None


def check_parts_hold(task: Task, compiled: CompiledSteps | None = None) -> None:
    """Raise a `TaskError` if a step or an update knows variables that no part holds: they would not be saved.

    What a step in eager mode changes is not known.

    Raises:
        TaskError: If there are such variables.
    """
    held = {copy.ref() for variable in task.variables for copy in copies(variable)}
    known: list[Variable] = []
    for update in task.updates():
        known += [*update.trainable_variables, *update.optimizer.variables]
        known += [variable for model in update.models for variable in model.variables]
        known += update.average.copy.variables if update.average else []
    own = {copy.ref(): variable.path for variable in known for copy in copies(variable)}
    traced = {variable.ref(): variable.name for variable in (compiled.variables if compiled else ())}
    strangers = [name for reference, name in {**traced, **own}.items() if reference not in held]
    if strangers:
        raise TaskError(
            "a step uses variables that no part of the task holds: they would not be saved.",
            where=type(task).__name__,
            got=", ".join(strangers),
            do="return what holds them (a model, an optimizer, a metric, a layer) from a build_ method, and let a layer make "
            "them with add_weight; draw random numbers from `noise`; or do without checkpoints, with "
            "gantape.Loop(..., checkpoints=None).",
        )


def _stateful(callbacks: Iterable[Callback]) -> dict[str, Stateful]:
    """Actions that remember something, each once, by their class and their place among those of that class."""
    found: dict[str, Stateful] = {}
    seen: set[int] = set()
    for owner in [callback.owner for callback in callbacks]:
        if isinstance(owner, Stateful) and id(owner) not in seen:
            seen.add(id(owner))
            name = _class_name(owner)
            found[f"{name} {sum(key.rpartition(' ')[0] == name for key in found) + 1}"] = owner
    return found


def _state_of(name: str, action: Stateful) -> Any:
    state = action.state()
    try:
        json.dumps(state)
    except (TypeError, ValueError) as error:
        raise ScheduleError(
            "an action remembers plain data.",
            where=f"callback {name}, state",
            got=f"{type(error).__name__}: {error}",
            do="return numbers, texts, lists and dicts.",
        ) from None
    return state


def _class_name(owner: Any) -> str:
    return type(getattr(owner, "callback", owner)).__name__


def _name(folder: Path | None) -> str:
    return "none" if folder is None else folder.name


def _texts(state: Mapping[str, Any], name: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in dict(state[name]).items()}
