"""What a run has left in its directory so far, read with care: every file may be missing, old or broken."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from gantape._files import read_json
from gantape.checkpoints.run_directory import LOCK, RECORD, RunDirectory
from gantape.errors import RunDirectoryError
from gantape.history import History
from gantape.report.page.notes import Notes
from gantape.types import Row

Status = Literal["running", "finished", "interrupted", "failed", "killed"]
SIGNALS = ("SIGINT", "SIGTERM")
MOST_BYTES = 2**26


@attrs.frozen(eq=False)
class RunFiles:
    """A run as its files tell it.

    Args:
        folder: Its directory.
        rows: Its history.
        record: `run.json`.
        notes: `report.json`.
        failure: `failure.json`, of a run that ended with numbers that are not finite.
        evaluation: `evaluation.json`, if its samples were judged.
        alive: Whether its process is there.
    """

    folder: Path
    rows: tuple[Row, ...] = ()
    record: Mapping[str, Any] = attrs.field(factory=dict)
    notes: Notes = attrs.field(factory=Notes)
    failure: Mapping[str, Any] = attrs.field(factory=dict)
    evaluation: Mapping[str, Any] = attrs.field(factory=dict)
    alive: bool = False

    @classmethod
    def read(cls, folder: Path, *, history: History | None = None, notes: Notes | None = None) -> "RunFiles":
        """Read a run.

        Args:
            folder: Its directory.
            history: Its rows, where they are in memory; else those of `metrics.csv`.
            notes: Its notes, where its own process asks.
        """
        return cls(
            folder,
            tuple(read_rows(folder / "metrics.csv") if history is None else history),
            _read(folder / RECORD),
            Notes.read(folder) if notes is None else notes,
            _read(folder / "failure.json"),
            _read(folder / "evaluation.json"),
            alive=_is_locked(folder) if notes is None else not notes.over,
        )

    @property
    def status(self) -> Status:
        """How it is."""
        recorded = str(self.record.get("status", ""))
        if self.alive:
            return "running"
        if self.notes.error.get("kind") == "KeyboardInterrupt":
            return "interrupted"
        if self.notes.error or recorded == "failed":
            return "failed"
        if recorded == "running" or (not recorded and not self.notes.over):
            return "killed"
        return "interrupted" if self.record.get("stopped_by") in SIGNALS else "finished"

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The fields of its task."""
        found = self.record.get("hyperparameters", self.notes.hyperparameters)
        return dict(found) if isinstance(found, Mapping) else {}

    @property
    def task(self) -> str:
        """The class of its task."""
        return str(self.record.get("task") or self.notes.task or "a task")

    @property
    def step(self) -> int:
        """Steps done."""
        return max(
            self.notes.step, number(self.record.get("steps")), max((number(row.get("step")) for row in self.rows), default=0)
        )

    def section(self, name: str) -> dict[str, Any]:
        """A part of the record that holds names and values; empty if it is not there."""
        found = self.record.get(name)
        return dict(found) if isinstance(found, Mapping) else {}

    def listed(self, name: str) -> list[dict[str, Any]]:
        """A part of the record that is a list of such parts."""
        found = self.record.get(name)
        return [dict(item) for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def read_rows(path: Path) -> list[Row]:
    """The rows of a history that was written as CSV; none where there is no such file. A cell without a number is left out."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_row(cells) for cells in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error):
        return []


def number(value: Any) -> int:
    """A count from a file; 0 for whatever is none."""
    return int(value) if isinstance(value, int | float) and value == value and abs(value) < 2**53 else 0


def _row(cells: Mapping[str | None, Any]) -> Row:
    row: dict[str, float | int | str] = {}
    for name, text in cells.items():
        if name is None or not isinstance(text, str) or not text:
            continue
        try:
            row[name] = float(text)
        except ValueError:
            row[name] = text
    return row


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_json(path, MOST_BYTES)
    except (OSError, ValueError):
        return {}


def _is_locked(folder: Path) -> bool:
    """Whether a loop is at work in the directory."""
    if not (folder / LOCK).exists():
        return False
    try:
        with RunDirectory(folder).locked():
            return False
    except RunDirectoryError:
        return True
