"""The networks of a task, by the names of its parts."""

from collections.abc import Sequence

import attrs
import keras

from gantape._tensorflow import sublayers
from gantape.errors import listed
from gantape.steps.step import Update
from gantape.tasks.holdings import holdings_of
from gantape.tasks.task import Task
from gantape.types import Model, Variable


@attrs.frozen(eq=False)
class Network:
    """A model of a task, or the variables that updates move and no model holds.

    Args:
        name: The name of its part, such as `generator` or `critics/1`; the names of variables without a model.
        model: The model, if it is one.
        bare: The variables, if there is no model.
    """

    name: str
    model: Model | None
    bare: Sequence[Variable] = ()

    @property
    def variables(self) -> list[Variable]:
        """Its trainable variables."""
        return list(self.bare if self.model is None else self.model.trainable_variables)

    @property
    def all_variables(self) -> list[Variable]:
        """All its variables."""
        return list(self.bare if self.model is None else self.model.variables)

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
    networks = [Network(name, model) for name, model in found.items() if not _only_joins(model, list(found.values()))]
    covered = {id(variable) for network in networks for variable in network.variables}
    bare = {
        id(variable): variable for update in updates for variable in update.trainable_variables if id(variable) not in covered
    }
    name = listed([variable.path for variable in bare.values()], most=2)
    return [*networks, Network(name, None, tuple(bare.values()))] if bare else networks


def _only_joins(model: Model, models: Sequence[Model]) -> bool:
    within = {id(layer) for layer in sublayers(model)} - {id(model)}
    parts = [other for other in models if id(other) in within]
    covered = {id(variable) for part in parts for variable in part.variables}
    return bool(parts) and all(id(variable) in covered for variable in model.variables)
