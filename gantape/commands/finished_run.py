"""A finished run of train-gan: its task with the trained generator, and its training data."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

import gantape as gt
from gantape import zoo
from gantape.checkpoints.run_directory import RunDirectory
from gantape.commands.command_line import load_generator
from gantape.commands.training_data import NAMES, name_of
from gantape.errors import RunDirectoryError, summary
from gantape.export.standalone import default_part


def data_is_labelled(record: Mapping[str, Any]) -> bool:
    """Whether the data of a run has labels for a classifier that judges samples, by its run.json."""
    return name_of(str(record.get("data", {}).get("name", ""))) is not None


def data_name(path: Path, record: Mapping[str, Any]) -> str:
    """The name of the data that a run was trained on.

    Args:
        path: The run's directory.
        record: Its run.json.

    Raises:
        RunDirectoryError: If the programs cannot load its training data by name.
    """
    described = str(record.get("data", {}).get("name", ""))
    name = name_of(described)
    if name is None:
        raise RunDirectoryError(
            "this run was not trained on data that the script knows.",
            where=str(path),
            got=described or "no name of data",
            do=f"name a run on {', '.join(NAMES)}; for other data use gantape.evaluation in a script of your own.",
        )
    return name


def trained_task(path: Path, part: str = "") -> gt.Task:
    """The task of a finished run of any kind, with one trained part.

    Args:
        path: The run's directory.
        part: The part, which the run has saved in a file of this name; by default the one that `gantape.export` takes.

    Raises:
        RunDirectoryError: If there is no such file, or it belongs to another task.
    """
    record = RunDirectory(path).read()
    found = getattr(zoo, str(record["task"]), None)
    if not isinstance(found, type) or not issubclass(found, gt.Task):
        raise RunDirectoryError(
            "the task of this run is not known here.",
            where=str(path),
            got=f"a run of {record['task']}",
            do="call gantape.export.export_task in a script of your own.",
        )
    with _errors_of_another_task(found):
        task = found(**record["hyperparameters"])
    name = part or default_part(task)
    file = path / f"{name}.keras"
    if not file.is_file():
        raise RunDirectoryError(
            "this run has not saved such a network.",
            where=str(file) if name else "--part",
            got=f"a run of {record['task']}, {record['status']}, with {', '.join(_networks(path)) or 'no networks'}",
            do="name the directory of a finished run, and with --part one of its networks.",
        )
    averaged = name == "generator" and isinstance(task, gt.AdversarialTask)
    weights = load_generator(file).get_weights()
    with _errors_of_another_task(found):
        getattr(task, "averaged_generator" if averaged else name).set_weights(weights)
    return task


def _networks(path: Path) -> list[str]:
    return sorted(file.stem for file in path.glob("*.keras"))


@contextlib.contextmanager
def _errors_of_another_task(task_class: type[gt.Task]) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunDirectoryError(
            "the network is not the one of this run.",
            where=task_class.__name__,
            got=summary(error)[:300],
            do="name the directory of a run of train-gan, as it left it.",
        ) from None


@attrs.frozen(slots=False)
class FinishedRun:
    """A finished run of an adversarial task.

    Args:
        path: Its directory.
        generator: The file of the generator in it; by default that of the averaged generator, which should be used for samples.
    """

    path: Path
    generator: str = "generator.keras"

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """The contents of run.json."""
        return RunDirectory(self.path).read()

    @property
    def task_class(self) -> type[gt.AdversarialTask]:
        """The class of its task.

        Raises:
            RunDirectoryError: If the task has no generator, or the generator's file is missing.
        """
        record = self.record
        found = getattr(zoo, str(record["task"]), None)
        if isinstance(found, type) and issubclass(found, gt.AdversarialTask) and (self.path / self.generator).is_file():
            return found
        raise RunDirectoryError(
            "this run has no generator.",
            where=str(self.path / self.generator),
            got=f"a run of {record['task']}, {record['status']}",
            do="name the directory of a finished run of train-gan.",
        )

    def task(self) -> Any:
        """Its task, with the weights of the generator.

        Raises:
            RunDirectoryError: If the generator is missing or belongs to another task.
        """
        task_class, weights = self.task_class, load_generator(self.path / self.generator).get_weights()
        with _errors_of_another_task(task_class):
            task: Any = task_class(**self.record["hyperparameters"])
            task.averaged_generator.set_weights(weights)
        return task

    def data(self) -> tuple[gt.data.ArrayBatches, gt.data.ArrayBatches]:
        """Its data with labels and pixels from 0 to 1, for training and test.

        Raises:
            RunDirectoryError: If the programs cannot load its training data.
        """
        load = getattr(gt.data, data_name(self.path, self.record))
        return load(batch_size=64), load(batch_size=64, split="test")
