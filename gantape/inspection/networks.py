"""The networks of a task, by the names of its parts."""

from collections.abc import Sequence

import attrs
import keras

from gantape._tensorflow import sublayers
from gantape.steps.step import Update
from gantape.tasks.holdings import holdings_of
from gantape.tasks.task import Task
from gantape.types import Model, Variable


@attrs.frozen(eq=False)
class Network:
    """A model of a task.

    Args:
        name: The name of its part, such as `generator` or `critics/1`.
        model: The model.
    """

    name: str
    model: Model

    @property
    def variables(self) -> list[Variable]:
        """Its trainable variables."""
        return list(self.model.trainable_variables)

    def moved_by(self, update: Update) -> list[Variable]:
        """The variables that an update moves."""
        moved = {id(variable) for variable in update.trainable_variables}
        return [variable for variable in self.variables if id(variable) in moved]


def networks_of(task: Task, updates: Sequence[Update]) -> list[Network]:
    """The networks of a task: the layers and models that its parts hold, and those that its updates move.

    A layer whose weights belong to another network is a network only if it is a part of its own. A model that only joins such
    networks, as `keras.Sequential([generator, discriminator])` does, is none.

    Args:
        task: The task.
        updates: Its updates.
    """
    found: dict[str, Model] = {}
    covered: set[int] = set()
    for path, thing in holdings_of(task).objects.items():
        own = {id(variable) for variable in thing.variables}
        if isinstance(thing, keras.Layer) and ("/" not in path or own - covered):
            found[path] = thing
            covered |= own
    known = {id(model) for model in found.values()}
    found |= {model.name: model for update in updates for model in update.models if id(model) not in known}
    return [Network(name, model) for name, model in found.items() if not _only_joins(model, list(found.values()))]


def _only_joins(model: Model, models: Sequence[Model]) -> bool:
    within = {id(layer) for layer in sublayers(model)} - {id(model)}
    parts = [other for other in models if id(other) in within]
    covered = {id(variable) for part in parts for variable in part.variables}
    return bool(parts) and all(id(variable) in covered for variable in model.variables)
