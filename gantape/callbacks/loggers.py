"""The history on disk, as CSV and as TensorBoard events."""

import csv
import io
from pathlib import Path
from typing import Any

import tensorflow as tf

from gantape._files import unwritable, write_whole
from gantape.callbacks.progress import Progress
from gantape.history import History
from gantape.types import Row


class CSVLogger:
    """An action that writes new rows of the history to a CSV file.

    Rows that later actions add are written the next time, or when the run is over.

    Args:
        path: The file. It is rewritten when a new column occurs.
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
        """Write the remaining rows."""
        self._write_new()

    def _write_new(self) -> None:
        rows, columns = self._history.rows, self._history.columns
        if columns != self._columns:
            self._columns, self._written = columns, 0
        new = rows[self._written :]
        if new:
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, columns)
            if not self._written:
                writer.writeheader()
            writer.writerows(map(dict, new))
            try:
                self._write(text.getvalue())
            except OSError as error:
                raise unwritable(self._path, error) from None
            self._written = len(rows)

    def _write(self, text: str) -> None:
        if not self._written:
            write_whole(self._path, text)
            return
        with self._path.open("a", newline="") as file:
            file.write(text)


class TensorBoardLogger:
    """An action that writes new rows of the history as TensorBoard events.

    Rows that later actions add are written the next time, or when the run is over.

    Args:
        folder: The folder for event files, with a subfolder for each split.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Any] = {}
        self._written = 0
        self._history = History()

    def __call__(self, progress: Progress) -> None:
        self._history = progress.history
        self._write_new()

    def state(self) -> dict[str, Any]:
        """The number of rows written."""
        return {"written": self._written}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue after the rows written."""
        self._written = int(state["written"])

    def close(self) -> None:
        """Write the remaining rows, and close the event files."""
        self._write_new()
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _write_new(self) -> None:
        new = self._history.rows[self._written :]
        for row in new:
            self._write(row)
        self._written += len(new)

    def _write(self, row: Row) -> None:
        split = str(row["split"])
        if split not in self._writers:
            self._writers[split] = tf.summary.create_file_writer(str(self._folder / split))
        with self._writers[split].as_default(step=int(row["step"])):
            for name, value in row.items():
                if name not in ("step", "split"):
                    tf.summary.scalar(name, value)
        self._writers[split].flush()
