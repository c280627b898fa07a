"""One step: losses, gradients and updates of variables. The training tape is in `step`."""

from gantape.steps.averaging import ExponentialMovingAverage
from gantape.steps.gradients import GradientOptions
from gantape.steps.losses import Losses
from gantape.steps.shared import SharedPass
from gantape.steps.step import Step, Update

__all__ = ["ExponentialMovingAverage", "GradientOptions", "Losses", "SharedPass", "Step", "Update"]
