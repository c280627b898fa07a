"""Restore the variables of a task from a checkpoint."""

from collections.abc import Sequence
from pathlib import Path

from loguru import logger

from gantape.checkpoints.folder import FOLDER, TENSORS, CheckpointFolder
from gantape.checkpoints.run_record import RunRecord
from gantape.checkpoints.snapshot import Snapshot
from gantape.checkpoints.tensors import check_specs, read_tensors, specs
from gantape.errors import RunDirectoryError
from gantape.state import RunState
from gantape.tasks import Task
from gantape.tasks.variables import learning_rates, named_variables


def restore_task(
    task: Task, folder: CheckpointFolder, changed: Sequence[str] = (), which: Path | None = None
) -> tuple[Path, Snapshot]:
    """Restore a task's variables from the newest whole checkpoint, or from the given one.

    If hyper-parameters are changed on purpose, an optimizer with another learning rate than the run began with keeps its own.

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
    variables = named_variables(task)
    check_specs(specs(variables), found.tensors, str(path))
    new_rates = learning_rates(task) if changed else {}
    read_tensors(variables, path / TENSORS)
    for name, rate in new_rates.items():
        if rate != found.learning_rates.get(name):
            variables[name].assign(rate)
            logger.info("{} is {} from now on", name, rate)
    return path, found


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
            do='train with gantape.Loop(..., checkpoints=gantape.Checkpoints(best=gantape.Best("loss"))).',
        )
    return restore_task(task, folder, which=best)[1].state
