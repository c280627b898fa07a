"""One step: losses, gradients, moves. The only outer tape is in `step`."""

from gantape.steps.averaging import MovingAverage
from gantape.steps.gradients import Descent
from gantape.steps.losses import Losses
from gantape.steps.step import Step, Update

__all__ = ["Descent", "Losses", "MovingAverage", "Step", "Update"]
