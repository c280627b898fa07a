"""Keras callbacks in gantape's loop."""

import base64
import inspect
from typing import Any

import attrs
import keras
import numpy as np

from gantape.callbacks.callback import Callback, Opening, Stop
from gantape.callbacks.keras_checks import (
    check_callback,
    check_logs,
    check_monitor,
    check_rate,
    find_optimizer,
    prepare_monitor,
)
from gantape.callbacks.progress import Progress
from gantape.errors import ScheduleError
from gantape.history import measured
from gantape.schedule import at_end, at_start, every
from gantape.types import Model, Optimizer, Row


def from_keras(callback: Any, model: Model, optimizer: Optimizer | None = None) -> tuple[Callback, ...]:
    """Wrap a Keras callback: `callbacks=[*gt.callbacks.from_keras(keras.callbacks.EarlyStopping(...), task.model)]`.

    It is called at the start, at the end of every epoch and at the end of training, with the names of `fit`: `logs` holds the
    newest row's metrics, those of validation as `val_...` if the task was evaluated in this epoch. Compiled code does not
    return after each batch: `on_train_batch_end` is called once per epoch, with the number of its last batch.

    What a callback monitors is checked before the first step, and its direction is that of the task's metric. A callback that
    changes the learning rate gets the optimizer of the update that moves its model.

    The callback's attributes that are numbers, arrays, or lists of these are saved with the run.

    Args:
        callback: A `keras.callbacks.Callback`.
        model: The callback's model.
        optimizer: The optimizer for callbacks that change the learning rate; by default that of the model's update.

    Returns:
        Callbacks for `Loop`.

    Raises:
        ScheduleError: If it is not a Keras callback, or one that works with `fit` only, or the model is not a model. Before the
            first step, if it monitors what is not recorded, or there is no learning rate that it could change.
    """
    if not isinstance(callback, keras.callbacks.Callback):
        raise ScheduleError(
            "this is not a callback of Keras.",
            where="gantape.callbacks.from_keras, argument `callback`",
            got=repr(callback),
            do="give an instance, such as keras.callbacks.EarlyStopping(); for an action of your own, gantape.Callback.",
        )
    if not isinstance(model, Model):
        raise ScheduleError(
            "a callback of Keras has a model.",
            where="gantape.callbacks.from_keras, argument `model`",
            got=repr(model),
            do="give a part of your task, such as task.model.",
        )
    check_callback(callback)
    wrapped = _KerasCallback(callback, model, optimizer)
    return (
        Callback(wrapped, at_start()),
        Callback(wrapped.epoch, every(epochs=1)),
        Callback(wrapped.end, at_end()),
    )


@attrs.define(eq=False)
class _KerasCallback:
    callback: Any
    model: Any
    optimizer: Any
    epoch_to_begin: int | None = None
    """The epoch that begins if the run continues after its end."""

    step: int = 0
    """The step at the end of the newest epoch."""

    def open(self, opening: Opening) -> None:
        self.optimizer = self.optimizer or find_optimizer(opening.task, self.model, self.callback)
        check_rate(self.callback, self.optimizer)
        prepare_monitor(self.callback, opening)
        self.step = opening.state.step

    def __call__(self, progress: Progress) -> None:
        check_monitor(self.callback, progress)
        self._begin_training()
        self.callback.on_epoch_begin(progress.epoch, {})

    def epoch(self, progress: Progress) -> Stop | None:
        logs = self._logs(progress, self.step)
        check_logs(self.callback, logs)
        batch, self.step = progress.step - self.step - 1, progress.step
        self.callback.on_train_batch_end(batch, logs)
        self.callback.on_epoch_end(progress.epoch - 1, logs)
        self.epoch_to_begin = progress.epoch
        if self.model.stop_training:
            return Stop(f"{type(self.callback).__name__} of Keras")
        if not progress.state.ended:
            self._begin_epoch()
        return None

    def state(self) -> dict[str, Any]:
        """Attributes that are numbers or arrays: counters, best value, best weights. Texts, such as paths, are settings.

        So are the arguments of Keras' own callbacks: a resumed run has those that it is given, such as a longer patience.
        """
        kinds = [kind for kind in type(self.callback).__mro__ if kind.__module__.startswith("keras.")]
        settings = {"params", *(name for kind in kinds for name in inspect.signature(kind).parameters)}
        own = {name: value for name, value in vars(self.callback).items() if not name.startswith("_") and name not in settings}
        packed = {name: _pack(value) for name, value in own.items()}
        return {
            "callback": {name: value for name, value in packed.items() if value is not _UNKNOWN},
            "epoch_to_begin": self.epoch_to_begin,
            "step": self.step,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._begin_training()
        for name, value in state["callback"].items():
            # Only numbers and arrays of existing attributes are restored: no path, no method.
            if name in vars(self.callback) and not isinstance(value, str) and not callable(getattr(self.callback, name)):
                setattr(self.callback, name, _unpack(value))
        self.epoch_to_begin, self.step = state["epoch_to_begin"], state["step"]
        self._begin_epoch()

    def _begin_training(self) -> None:
        if self.optimizer is not None:
            self.model.optimizer = self.optimizer
        self.model.stop_training = False
        self.callback.set_model(self.model)
        self.callback.set_params({"epochs": None, "steps": None, "verbose": 0})
        self.callback.on_train_begin({})

    def _begin_epoch(self) -> None:
        if self.epoch_to_begin is not None:
            self.callback.on_epoch_begin(self.epoch_to_begin, {})
            self.epoch_to_begin = None

    def end(self, progress: Progress) -> None:
        self.callback.on_train_end(self._logs(progress, -1))

    def _logs(self, progress: Progress, since: int) -> dict[str, Any]:
        """The newest rows after a step; the means since the newest row if there is none of training."""
        train, validation = progress.history.last(), progress.history.last("validation")
        logs = measured(train) if _step(train) > since else progress.current() or measured(train)
        fresh = measured(validation) if _step(validation) > since else {}
        return logs | {f"val_{name}": value for name, value in fresh.items()}


def _step(row: Row) -> int:
    return int(row.get("step", -1))


_UNKNOWN = object()


def _pack(value: Any) -> Any:
    """A value in JSON form, arrays as text; `_UNKNOWN` for any other type."""
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        text = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": str(value.dtype), "shape": list(value.shape), "base64": text}
    if isinstance(value, list):
        packed = [_pack(item) for item in value]
        return packed if all(item is not _UNKNOWN for item in packed) else _UNKNOWN
    return _UNKNOWN


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if isinstance(value, dict):
        return np.frombuffer(base64.b64decode(value["base64"]), np.dtype(value["dtype"])).reshape(value["shape"])
    return value
