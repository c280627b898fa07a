"""Which layers are trained, as a part of a run's state."""

from typing import Any

import keras

from gantape._tensorflow import sublayers
from gantape.callbacks.progress import Progress
from gantape.steps.trained import is_trained
from gantape.tasks import Task


class TrainedLayers:
    """Saves with a run which layers and variables are trained, and restores it: it is an action without anything to do.

    Args:
        task: The task that is trained.
    """

    def __init__(self, task: Task) -> None:
        parts = {name: getattr(task, name) for name in task.part_names()}
        self._parts: dict[str, Any] = {name: part for name, part in parts.items() if isinstance(part, keras.Layer)}

    def __call__(self, progress: Progress) -> None:
        """Do nothing."""

    def state(self) -> dict[str, Any]:
        """Whether each layer and each variable is trained, as texts of 0 and 1."""
        return {
            name: ["".join(str(int(trained)) for trained in flags) for flags in _flags(model)]
            for name, model in self._parts.items()
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Freeze and thaw layers as they were."""
        for name, model in self._parts.items():
            if name not in state or self.state()[name] == state[name]:
                continue
            layers, variables = state[name]
            for layer, flag in zip(sublayers(model), layers, strict=True):
                layer.trainable = flag == "1"
            for variable, flag in zip(model.variables, variables, strict=True):
                if isinstance(variable, keras.Variable) and variable.trainable != (flag == "1"):
                    variable.trainable = flag == "1"


def _flags(model: Any) -> tuple[list[bool], list[bool]]:
    return [bool(layer.trainable) for layer in sublayers(model)], [is_trained(variable) for variable in model.variables]
