"""The history on disk, row by row: as CSV and as TensorBoard events."""

import csv
from pathlib import Path
from typing import Any

import tensorflow as tf

from gantape.history import History
from gantape.progress import Progress
from gantape.types import Row


class MetricsFile:
    """Keeps the history in a CSV file: an action for every moment at which a row may be new.

    Rows that other actions add after it are written the next time, or when the run is over.

    Args:
        path: The file. A column that first occurs in a later row makes the file be written anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0
        self._columns: list[str] = []
        self._history = History()

    def __call__(self, progress: Progress) -> None:
        self._history = progress.history
        self._write_new()

    def close(self) -> None:
        """Write the rows that came since."""
        self._write_new()

    def _write_new(self) -> None:
        rows, columns = self._history.rows, self._history.columns
        if columns != self._columns:
            self._columns, self._written = columns, 0
        fresh = rows[self._written :]
        if fresh:
            with self._path.open("a" if self._written else "w", newline="") as file:
                writer = csv.DictWriter(file, self._columns)
                if not self._written:
                    writer.writeheader()
                writer.writerows(map(dict, fresh))
            self._written = len(rows)


class TensorBoardFile:
    """Writes new rows of the history as events for TensorBoard: an action.

    Rows that other actions add after it are written the next time, or when the run is over.

    Args:
        folder: Where the event files go, in one folder for each split.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Any] = {}
        self._written = 0
        self._history = History()

    def __call__(self, progress: Progress) -> None:
        self._history = progress.history
        self._write_new()

    def close(self) -> None:
        """Write the rows that came since, and close the event files."""
        self._write_new()
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _write_new(self) -> None:
        for row in self._history.rows[self._written :]:
            self._write(row)
        self._written = len(self._history.rows)

    def _write(self, row: Row) -> None:
        split = str(row["split"])
        if split not in self._writers:
            self._writers[split] = tf.summary.create_file_writer(str(self._folder / split))
        with self._writers[split].as_default(step=int(row["step"])):
            for name, value in row.items():
                if name not in ("step", "split"):
                    tf.summary.scalar(name, value)
        self._writers[split].flush()
