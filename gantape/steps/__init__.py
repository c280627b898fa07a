"""One step: losses, gradients, moves. The only outer tape is in `step`."""

from gantape.steps.averaging import MovingAverage
from gantape.steps.gradients import GradientOptions
from gantape.steps.losses import Losses
from gantape.steps.step import Step, Update

__all__ = ["GradientOptions", "Losses", "MovingAverage", "Step", "Update"]
