"""The history on disk, as CSV."""

import csv
import io
from pathlib import Path

from gantape._files import unwritable, write_whole
from gantape.callbacks.progress import Progress
from gantape.history import History


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
