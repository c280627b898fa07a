"""Checks of Keras callbacks before the first step."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from gantape.callbacks.callback import Opening
from gantape.callbacks.progress import Progress
from gantape.errors import ScheduleError, warn
from gantape.tasks import Task
from gantape.tasks.layer_metrics import metrics_of_layers

_REFUSED = {
    "BackupAndRestore": "give the loop a run_dir: it saves checkpoints, and gantape.Loop.resume continues from the newest.",
    "SwapEMAWeights": "leave it out: the averages of an optimizer with use_ema are in the model after the run, as with fit. To "
    "evaluate an average during the run, use the `average` of gantape.Update.",
}
_NEVER_CALLED = ("on_train_batch_begin", "on_batch_begin", "on_batch_end", "on_test_", "on_predict_")
_MONITORS = (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau, keras.callbacks.ModelCheckpoint)
_MOVES_RATE = (keras.callbacks.ReduceLROnPlateau, keras.callbacks.LearningRateScheduler)


def check_callback(callback: Any) -> None:
    """Check whether a callback can work in a loop.

    Raises:
        ScheduleError: If it works with `fit` only.
    """
    name = type(callback).__name__
    where = f"gantape.callbacks.from_keras, {name}"
    for refused, do in _REFUSED.items():
        if isinstance(callback, getattr(keras.callbacks, refused)):
            raise ScheduleError("this callback works with `fit` only.", where=where, got=refused, do=do)
    for setting in ("save_freq", "update_freq"):
        frequency = getattr(callback, setting, "epoch")
        if isinstance(frequency, int) and not isinstance(frequency, bool):
            raise ScheduleError(
                "a callback of Keras is called at the end of every epoch, not of every batch.",
                where=where,
                got=f"{setting}={frequency}",
                do=f'give {setting}="epoch", or use gantape.Callback(action, gantape.every(steps={frequency})).',
            )
    classes = [cls for cls in type(callback).__mro__ if not cls.__module__.startswith("keras.")]
    own = {method for owner in [callback, *classes] for method in vars(owner)}
    ignored = sorted(method for method in own if method.startswith(_NEVER_CALLED))
    if ignored:
        warn(
            "a callback of Keras has methods that are never called.",
            where=where,
            got=", ".join(ignored),
            do="use on_epoch_begin and on_epoch_end, or gantape.Callback(action, gantape.every(steps=1)).",
        )
    if "on_train_batch_end" in own:
        warn(
            "a callback of Keras is called once in an epoch where `fit` calls it for each batch.",
            where=where,
            got="on_train_batch_end",
            do="use on_epoch_end; for an action in every step or every n-th, gantape.Callback(action, gantape.every(steps=n)).",
        )


def find_optimizer(task: Task, model: Any, callback: Any) -> Any:
    """The optimizer of the update that moves a model; `None` if no update does.

    Raises:
        ScheduleError: If the callback changes the learning rate, and no update moves the model.
    """
    found = next((update.optimizer for update in task.updates() if any(part is model for part in update.variables)), None)
    if found is None and isinstance(callback, _MOVES_RATE):
        raise ScheduleError(
            "there is no optimizer whose learning rate this callback could change.",
            where=f"gantape.callbacks.from_keras, {type(callback).__name__}",
            got=f"model {model.name}, which no update moves",
            do="give the optimizer: from_keras(callback, task.model, task.optimizer).",
        )
    return found


def check_rate(callback: Any, optimizer: Any) -> None:
    """Raise a `ScheduleError` if a callback changes a learning rate that follows a schedule.

    Raises:
        ScheduleError: If so.
    """
    if isinstance(callback, _MOVES_RATE) and not isinstance(optimizer.learning_rate, keras.Variable):
        raise ScheduleError(
            "this callback changes a learning rate that follows a schedule.",
            where=f"gantape.callbacks.from_keras, {type(callback).__name__}",
            got=f"{type(optimizer).__name__} with a schedule",
            do="give the optimizer a number, or leave the callback out.",
        )


def prepare_monitor(callback: Any, opening: Opening) -> None:
    """Check what a callback monitors, and set in which direction it improves if the callback is to find out.

    Raises:
        ScheduleError: If there is no validation data, or no direction is known.
    """
    if not isinstance(callback, _MONITORS) or callback.monitor is None:
        return
    monitor = callback.monitor
    where = f"gantape.callbacks.from_keras, {type(callback).__name__}"
    if _monitored(callback) and monitor.startswith("val_") and not opening.validates:
        raise ScheduleError(
            "a callback monitors validation, and there is no validation data.",
            where=where,
            got=f"monitor={monitor!r}",
            do="give Loop.run validation=..., or monitor a column of training.",
        )
    if getattr(callback, "mode", "") != "auto" or getattr(callback, "monitor_op", None) is not None:
        return
    name = monitor.removeprefix("val_")
    metrics = opening.task.metrics
    direction = getattr(metrics[name], "_direction", None) if name in metrics.names else None
    if name == "loss" or name.endswith("/loss"):
        direction = "down"
    if direction is None and name in _known(opening.task):
        raise ScheduleError(
            "a callback does not know whether what it monitors is to grow or to fall.",
            where=where,
            got=f"monitor={monitor!r}, mode='auto'",
            do='give mode="max" or mode="min".',
        )
    callback.mode = "max" if direction == "up" else "min"


def check_monitor(callback: Any, progress: Progress) -> None:
    """Check that what a callback monitors will be recorded. Eager steps name their terms only when they are run.

    Raises:
        ScheduleError: If it will not.
    """
    monitor = _monitored(callback)
    known = _known(progress.task)
    if monitor is None or monitor.removeprefix("val_") in known:
        return
    columns = progress.columns()
    if columns and monitor.removeprefix("val_") not in columns:
        prefix = "val_" if monitor.startswith("val_") else ""
        raise _not_recorded(callback, [f"{prefix}{name}" for name in [*known, *columns]])


def check_logs(callback: Any, logs: Mapping[str, Any]) -> None:
    """Raise a `ScheduleError` if what a callback monitors is not among the values of an epoch.

    Raises:
        ScheduleError: If so.
    """
    monitor = _monitored(callback) or ""
    alike = [name for name in logs if name.startswith("val_") == monitor.startswith("val_")]
    if monitor and alike and monitor not in logs:
        raise _not_recorded(callback, alike)


def _not_recorded(callback: Any, columns: Sequence[str]) -> ScheduleError:
    close = difflib.get_close_matches(callback.monitor, columns, n=1)
    return ScheduleError(
        "a callback monitors what is not recorded.",
        where=f"gantape.callbacks.from_keras, {type(callback).__name__}",
        got=f"monitor={callback.monitor!r}",
        do=f"did you mean {close[0]!r}?" if close else f"the columns are {', '.join(dict.fromkeys(columns))}.",
    )


def _monitored(callback: Any) -> str | None:
    """The column that a callback monitors; `None` for none."""
    unused = isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_best_only
    return callback.monitor if isinstance(callback, _MONITORS) and not unused else None


def _known(task: Task) -> list[str]:
    """The columns that are known before a step is traced: losses and metrics."""
    updates = task.updates()
    losses = ["loss"] if len(updates) == 1 else [f"{update.name}/loss" for update in updates]
    of_layers = metrics_of_layers(task).names
    return [*losses, *task.metrics.names, *task.evaluation_metrics.names, *of_layers]
