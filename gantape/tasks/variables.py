"""The variables of a task, by names that are the same in every process.

Keras numbers its layers as they are made, so that `dense/kernel` may be `dense_3/kernel` in another program. A variable is
named here by the part that holds it, its place there, and its name without such numbers: `generator/0003/kernel`.
"""

import re

from gantape.tasks.task import Task
from gantape.types import Variable

LEARNING_RATE = "/learning_rate"


def named_variables(task: Task) -> dict[str, Variable]:
    """Every variable of every part, each once, under its name."""
    found: dict[int, tuple[str, Variable]] = {}
    for part in task.part_names():
        for place, variable in enumerate(getattr(getattr(task, part), "variables", ())):
            name = re.sub(r"_\d+|[^\w]", "", variable.path.split("/")[-1])
            found.setdefault(id(variable), (f"{part}/{place:04d}/{name}", variable))
    return dict(found.values())


def learning_rates(task: Task) -> dict[str, float]:
    """The learning rate of each optimizer that has one as a variable, by the variable's name."""
    return {
        name: float(variable.numpy())
        for name, variable in named_variables(task).items()
        if name.endswith(LEARNING_RATE) and not tuple(variable.shape)
    }
