"""Tasks, which define what is learnt: `Task` and its two abstract subclasses."""

from gantape.tasks.adversarial import AdversarialTask
from gantape.tasks.outputs import OutputMetric
from gantape.tasks.part import Part
from gantape.tasks.supervised import SupervisedTask
from gantape.tasks.task import Task, require_not_negative, require_positive

__all__ = ["AdversarialTask", "OutputMetric", "Part", "SupervisedTask", "Task", "require_not_negative", "require_positive"]
