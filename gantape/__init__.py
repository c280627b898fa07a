"""Custom training loops with `tf.GradientTape`, above all for GANs.

A `Task` defines what is learnt, a `MetricSet` what is measured, a `StepCompiler` how a step runs; a `Loop` drives the training.
"""

from gantape import _quiet_start as _quiet_start  # before TensorFlow

# isort: split
import pkgutil as _pkgutil
import typing as _typing

import keras as _keras
from loguru import logger as _logger

from gantape import augment, callbacks, conditioning, data, distribute, errors, losses
from gantape.callbacks import Callback, Stop
from gantape.callbacks.progress import Progress
from gantape.checkpoints.restore import load_best
from gantape.checkpoints.settings import Best, Checkpoints
from gantape.compiler import StepCompiler
from gantape.errors import BackendError as _BackendError
from gantape.errors import GantapeError
from gantape.history import History
from gantape.loop import Loop
from gantape.metrics import MetricSet
from gantape.random.rng import RandomStreams
from gantape.schedule import When, at, at_end, at_start, every
from gantape.state import RunState
from gantape.steps.averaging import ExponentialMovingAverage
from gantape.steps.gradients import GradientOptions
from gantape.steps.losses import Losses
from gantape.steps.shared import SharedPass
from gantape.steps.step import Step, Update
from gantape.tasks import AdversarialTask, OutputMetric, Part, SupervisedTask, Task

if _typing.TYPE_CHECKING:
    from gantape import layers as layers
    from gantape.ejection import eject
    from gantape.inspection import inspect
else:  # imported with their first use: most programs do without them
    _LATER = {
        "eject": "gantape.ejection:eject",
        "inspect": "gantape.inspection:inspect",
        **{name: f"gantape.{name}" for name in ("certificate", "ejection", "inspection", "layers")},
    }

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals().setdefault(name, _pkgutil.resolve_name(_LATER[name]))

    def __dir__() -> list[str]:
        return sorted({*globals(), *_LATER})


__version__ = "0.2.0"

__all__ = [
    "AdversarialTask",
    "Best",
    "Callback",
    "Checkpoints",
    "ExponentialMovingAverage",
    "GantapeError",
    "GradientOptions",
    "History",
    "Loop",
    "Losses",
    "MetricSet",
    "OutputMetric",
    "Part",
    "Progress",
    "RandomStreams",
    "RunState",
    "SharedPass",
    "Step",
    "StepCompiler",
    "Stop",
    "SupervisedTask",
    "Task",
    "Update",
    "When",
    "at",
    "at_end",
    "at_start",
    "augment",
    "callbacks",
    "conditioning",
    "data",
    "distribute",
    "eject",
    "errors",
    "every",
    "inspect",
    "load_best",
    "losses",
]

if _keras.backend.backend() != "tensorflow":
    raise _BackendError(
        "gantape needs Keras on TensorFlow.",
        where="import gantape",
        got=f"Keras on {_keras.backend.backend()}",
        do='set the environment variable KERAS_BACKEND to "tensorflow" before Keras is imported.',
    )

_logger.disable("gantape")
