"""What a run leaves behind. Follows `callbacks` in the reading order."""

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import attrs

from gantape.errors import RunDirectoryError

RECORD = "run.json"
PACKAGES = ("gantape", "tensorflow", "keras", "numpy")


@attrs.frozen
class RunDirectory:
    """A directory with the record of one run.

    Args:
        path: The directory.
    """

    path: Path

    @property
    def record_path(self) -> Path:
        """Where the record lies."""
        return self.path / RECORD

    def create(self) -> None:
        """Make the directory.

        Raises:
            RunDirectoryError: If it cannot be made, or holds a run already.
        """
        try:
            taken = self.record_path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        if taken:
            raise RunDirectoryError(
                "this directory holds a run already.",
                where=str(self.path),
                got=f"a {RECORD}",
                do="name another directory, or remove this one.",
            )

    def write(self, record: Mapping[str, Any]) -> None:
        """Write the record; a reader sees the one before or this one, never half of it.

        Raises:
            RunDirectoryError: If it cannot be written.
        """
        fresh = self.record_path.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(record, indent=2, default=str) + "\n")
            fresh.replace(self.record_path)
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def read(self) -> dict[str, Any]:
        """Read the record.

        Raises:
            RunDirectoryError: If there is none, or it is not one.
        """
        try:
            record = json.loads(self.record_path.read_text())
        except (OSError, ValueError) as error:
            raise RunDirectoryError(
                "this is not the directory of a run.",
                where=str(self.path),
                got=f"{type(error).__name__}: {error}",
                do=f"name a directory that holds a {RECORD}.",
            ) from None
        if not isinstance(record, dict) or "task" not in record:
            raise RunDirectoryError(
                f"the {RECORD} is not the record of a run.",
                where=str(self.path),
                got=type(record).__name__,
                do="name the directory of a run that gantape made.",
            )
        return record


def machine() -> dict[str, Any]:
    """Versions and processors, for the record."""
    return {
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "platform": platform.platform(),
        "processors": os.cpu_count(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # imported from a folder
        return "not installed"


def _unwritable(path: Path, error: OSError) -> RunDirectoryError:
    return RunDirectoryError(
        "the directory of the run cannot be written.",
        where=str(path),
        got=f"{type(error).__name__}: {error.strerror or error}",
        do="name a directory that can be written, on a disk with room.",
    )
