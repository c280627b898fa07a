"""The record of a run, and whether a task and data are those of the run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import attrs

from gantape.checkpoints.plain import plain
from gantape.checkpoints.run_directory import RECORD, RunDirectory
from gantape.compiler import StepCompiler
from gantape.compiler.programs import Mode
from gantape.errors import ResumeError, RunDirectoryError
from gantape.tasks import Task

MOST_CHARACTERS = 200
"""The longest description of a value in an error."""


@attrs.frozen(eq=False)
class RunRecord:
    """The record of a run, `run.json`: the task, data and settings that it began with.

    Args:
        record: The record.
        path: The run's directory.
        changed: Names of hyper-parameters, or "data", that may differ from the run's.
    """

    record: dict[str, Any]
    path: Path
    changed: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path, changed: Sequence[str] = ()) -> "RunRecord":
        """Read the record of a run.

        Raises:
            RunDirectoryError: If there is none, or a run cannot be resumed from it.
        """
        directory = RunDirectory(path)
        directory.check_links()
        record = directory.read()
        kinds = {
            "run": str,
            "task": str,
            "hyperparameters": dict,
            "data": dict,
            "seed": int,
            "mode": str,
            "steps_per_call": int,
        }
        wrong = [name for name, kind in kinds.items() if type(record.get(name)) is not kind]
        if wrong or record["mode"] not in get_args(Mode) or record["steps_per_call"] < 1:
            raise RunDirectoryError(
                f"the {RECORD} is not the record of a run that can be resumed.",
                where=str(path),
                got=f"no proper {', '.join(wrong) or 'mode or steps_per_call'}",
                do="name the directory of a run that this version of gantape made.",
            )
        if isinstance(changed, str):
            changed = (changed,)
        return cls(record, path, tuple(changed))

    @property
    def run(self) -> str:
        """The unique name of the run, which its checkpoints carry."""
        return str(self.record["run"])

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.record["seed"])

    @property
    def gradient_norms(self) -> bool:
        """Whether gradient norms are recorded."""
        return bool(self.record.get("gradient_norms"))

    @property
    def compiler(self) -> StepCompiler:
        """A compiler with the run's mode and steps per call; for mode "auto", with the mode that was chosen."""
        return StepCompiler(cast(Mode, self.record["mode"]), self.record["steps_per_call"])

    def check_task(self, task: Task) -> None:
        """Raise a `ResumeError` if the task is another one, or differs in hyper-parameters that may not change.

        Raises:
            ResumeError: With the differences.
        """
        if not isinstance(task, Task) or type(task).__name__ != self.record["task"]:
            raise ResumeError(
                "this is the run of another task.",
                where=str(self.path),
                got=f"{type(task).__name__}, where the run is one of {self.record['task']}",
                do=f"give an instance of {self.record['task']}.",
            )
        ours = plain(task.hyperparameters)
        unknown = [name for name in self.changed if name not in ours and name != "data"]
        if unknown:
            raise ResumeError(
                "only hyper-parameters and the data can be changed.",
                where="gantape.Loop.resume, argument `changed`",
                got=", ".join(map(repr, unknown)),
                do=f"name some of {', '.join([*ours, 'data'])}.",
            )
        differences = _differences(self.record["hyperparameters"], ours, self.changed)
        if differences:
            raise ResumeError(
                "the task has other hyper-parameters than the run.",
                where=str(self.path),
                got="; ".join(differences.values()),
                do="give it the run's, or say that they are changed on purpose, with "
                f"changed=({', '.join(map(repr, differences))},).",
            )

    def check_data(self, description: Mapping[str, Any]) -> bool:
        """Whether the data is the run's; raise a `ResumeError` if it is not and may not change.

        Raises:
            ResumeError: With the differences.
        """
        differences = _differences(self.record["data"], plain(description), ())
        if differences and "data" not in self.changed:
            raise ResumeError(
                "the data is not the run's.",
                where=str(self.path),
                got="; ".join(differences.values()),
                do='give the same data and batch size, or say that they are changed on purpose, with changed=("data",): '
                "a new epoch begins then.",
            )
        return not differences


def _differences(theirs: Mapping[str, Any], ours: Mapping[str, Any], allowed: Sequence[str]) -> dict[str, str]:
    names = [name for name in dict.fromkeys([*theirs, *ours]) if name not in allowed]
    return {
        name: f"{name}={_shown(ours, name)}, the run has {_shown(theirs, name)}"
        for name in names
        if name not in ours or name not in theirs or json.dumps(ours[name]) != json.dumps(theirs[name])
    }


def _shown(values: Mapping[str, Any], name: str) -> str:
    text = repr(values.get(name, "nothing"))
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
