"""Restore a task from a checkpoint: its variables, and what its layers hold besides."""

from collections.abc import Collection, Sequence
from pathlib import Path

from loguru import logger

from gantape._tensorflow import builds_late
from gantape.checkpoints.folder import FOLDER, TENSORS, CheckpointFolder
from gantape.checkpoints.own_state import restore_own_state
from gantape.checkpoints.run_record import RunRecord
from gantape.checkpoints.snapshot import Snapshot
from gantape.checkpoints.tensors import check_specs, read_arrays, read_tensors, specs
from gantape.errors import RunDirectoryError, listed
from gantape.state import RunState
from gantape.tasks import Task
from gantape.tasks.holdings import holdings_of
from gantape.tasks.variables import learning_rates, named_variables
from gantape.types import Variable


def restore_task(
    task: Task, folder: CheckpointFolder, changed: Sequence[str] = (), which: Path | None = None
) -> tuple[Path, Snapshot]:
    """Restore a task from the newest whole checkpoint, or from the given one.

    Variables that metrics make in their first update are left to `restore_late`. If hyper-parameters are changed on purpose, an
    optimizer with another learning rate than the run began with keeps its own.

    Raises:
        RunDirectoryError: If there is no whole checkpoint, or it is of other networks.
    """
    path, state = folder.load(which)
    try:
        found = Snapshot.from_json(state)
    except ValueError as error:
        raise RunDirectoryError(
            "the state in a checkpoint is invalid.",
            where=str(path),
            got=f"{type(error).__name__}: {error}"[:200],
            do="remove this checkpoint: the one before it is used then.",
        ) from None
    new_rates = learning_rates(task) if changed else {}
    variables = _restore(task, path, found)
    for name, rate in new_rates.items():
        if rate != found.learning_rates.get(name):
            variables[name].assign(rate)
            logger.info("{} is {} from now on", name, rate)
    return path, found


def restore_late(task: Task, path: Path, names: Collection[str]) -> None:
    """Restore variables that metrics of the task have made since `restore_task`.

    Args:
        task: The task.
        path: The checkpoint.
        names: The variables of the checkpoint that the task did not have.

    Raises:
        RunDirectoryError: If the metrics of training still do not have them.
    """
    variables = named_variables(task)
    missing = [name for name in names if name not in variables and not name.startswith("evaluation_metrics/")]
    if missing:
        raise RunDirectoryError(
            "a metric of the checkpoint cannot be restored.",
            where=str(path),
            got=f"no variable {listed(missing)}",
            do="make its variables in its constructor; build_metrics can call its update_state once, and reset_state.",
        )
    # Metrics of evaluation begin anew in each evaluation.
    read_tensors({name: variables[name] for name in names if name in variables}, path / TENSORS)


def load_best(run_dir: str | Path, task: Task) -> RunState:
    """Restore a task from a run's best checkpoint, to evaluate it or to draw samples.

    Args:
        run_dir: The directory of a run with `Checkpoints(best=...)`.
        task: A task like the run's.

    Returns:
        The state of the run when the checkpoint was saved.

    Raises:
        ResumeError: If the task is not the run's.
        RunDirectoryError: If there is no such run, no best checkpoint, or it is damaged.
    """
    record = RunRecord.read(Path(run_dir))
    record.check_task(task)
    folder = CheckpointFolder(record.path / FOLDER, record.run)
    best = folder.best()
    if best is None:
        raise RunDirectoryError(
            "no checkpoint is marked as the best.",
            where=str(record.path),
            got="no best.json that names one",
            do='train with gantape.Loop(..., checkpoints=gantape.Checkpoints(best=gantape.Best("loss"))), and give Loop.run '
            'validation=...; without validation data, gantape.Best("loss", split="train").',
        )
    return restore_task(task, folder, which=best)[1].state


def _restore(task: Task, path: Path, found: Snapshot) -> dict[str, Variable]:
    held = holdings_of(task)
    late = tuple(f"{name}/" for name, metric in held.metrics.items() if builds_late(metric))
    saved = {name: spec for name, spec in found.tensors.items() if name in held.variables or not name.startswith(late)}
    arrays = read_arrays(found.own_state, path / TENSORS)
    # Twice, since a layer may make variables when it is restored, and what it derives from variables has to follow them.
    for _ in range(2):
        restore_own_state(held.objects, arrays, str(path))
        held = holdings_of(task)
        check_specs(specs(held.variables), saved, str(path))
        read_tensors(held.variables, path / TENSORS)
    return held.variables
