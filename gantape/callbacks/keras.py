"""Any callback of Keras in a loop of gantape's."""

from typing import Any

import attrs

from gantape.callbacks.callback import Callback, Stop
from gantape.progress import Progress
from gantape.schedule import at_end, at_start, every
from gantape.types import Model, Optimizer


def from_keras(callback: Any, model: Model, optimizer: Optimizer | None = None) -> tuple[Callback, ...]:
    """Wrap a callback of Keras: `callbacks=[*gt.callbacks.from_keras(keras.callbacks.EarlyStopping(...), task.model)]`.

    It sees the start, the end of every epoch and the end of training, with the names of `fit`: the newest row's metrics as
    `logs`, those of validation as `val_...`. Batches are not visited one by one in compiled code: `on_train_batch_end`
    is called once an epoch, with the epoch's last batch.

    Args:
        callback: A `keras.callbacks.Callback`.
        model: What the callback sees as its model.
        optimizer: What it sees as its model's optimizer, for callbacks that change the learning rate.

    Returns:
        Callbacks for `Loop`.
    """
    wrapped = _KerasCallback(callback, model, optimizer)
    return (
        Callback(wrapped.start, at_start()),
        Callback(wrapped.epoch, every(epochs=1)),
        Callback(wrapped.end, at_end()),
    )


@attrs.define(eq=False)
class _KerasCallback:
    callback: Any
    model: Any
    optimizer: Any

    def start(self, progress: Progress) -> None:
        if self.optimizer is not None:
            self.model.optimizer = self.optimizer
        self.model.stop_training = False
        self.callback.set_model(self.model)
        self.callback.set_params({"epochs": None, "steps": None, "verbose": 0})
        self.callback.on_train_begin({})
        self.callback.on_epoch_begin(progress.epoch, {})

    def epoch(self, progress: Progress) -> Stop | None:
        logs = self._logs(progress)
        self.callback.on_train_batch_end(progress.step - 1, logs)
        self.callback.on_epoch_end(progress.epoch - 1, logs)
        if self.model.stop_training:
            return Stop(f"{type(self.callback).__name__} of Keras")
        if not progress.moment.ended:
            self.callback.on_epoch_begin(progress.epoch, {})
        return None

    def end(self, progress: Progress) -> None:
        self.callback.on_train_end(self._logs(progress))

    def _logs(self, progress: Progress) -> dict[str, Any]:
        places = ("step", "epoch", "seconds", "split")
        logs = {name: value for name, value in progress.history.last().items() if name not in places}
        validation = progress.history.last("validation").items()
        return logs | {f"val_{name}": value for name, value in validation if name not in places}
