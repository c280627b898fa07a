"""The directory of a run, its record and its lock."""

import contextlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import attrs
from filelock import FileLock, Timeout
from loguru import logger

from gantape._files import read_json, unwritable, write_whole
from gantape.checkpoints.plain import plain
from gantape.errors import RunDirectoryError

RECORD = "run.json"
LOCK = ".lock"
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
        """The path of the record, `run.json`."""
        return self.path / RECORD

    def create(self) -> None:
        """Create the directory.

        Raises:
            RunDirectoryError: If it cannot be created, or holds a run already.
        """
        try:
            taken = self.record_path.exists()
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from None
        if taken:
            raise RunDirectoryError(
                "this directory holds a run already.",
                where=str(self.path),
                got=f"a {RECORD}",
                do="name another directory, continue that run with gantape.Loop.resume, or remove the directory.",
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the directory against other loops, in this process or another, until the block or the process ends.

        Raises:
            RunDirectoryError: If another loop is using it, or it cannot be written.
        """
        lock = FileLock(self.path / LOCK)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise RunDirectoryError(
                "another loop is using this directory.",
                where=str(self.path),
                got=f"a lock on {LOCK}",
                do="wait until it ends, or name another directory.",
            ) from None
        except NotImplementedError:  # some network file systems
            logger.warning("{} is on a file system without locks: make sure that only one process uses it.", self.path)
        except OSError as error:
            raise unwritable(self.path, error) from None
        try:
            yield
        finally:
            lock.release()

    def check_links(self) -> None:
        """Raise an error if the directory contains a link to elsewhere: the run must only write inside.

        Raises:
            RunDirectoryError: If there is such a link.
        """
        inside = self.path.resolve()
        for folder, folders, files in os.walk(self.path):
            for path in (Path(folder, name) for name in [*folders, *files]):
                if path.is_symlink() and not path.resolve().is_relative_to(inside):
                    raise RunDirectoryError(
                        "a run's directory must not contain links to elsewhere.",
                        where=str(path),
                        got=f"a link to {path.resolve()}",
                        do="replace the link by its target, if you trust it.",
                    )

    def write(self, record: Mapping[str, Any]) -> None:
        """Write the record atomically.

        Raises:
            RunDirectoryError: If it cannot be written.
        """
        try:
            write_whole(self.record_path, json.dumps(plain(record), indent=2) + "\n")
        except OSError as error:
            raise unwritable(self.path, error) from None

    def read(self) -> dict[str, Any]:
        """Read the record.

        Raises:
            RunDirectoryError: If there is none, or the file is not a record.
        """
        try:
            record = read_json(self.record_path)
        except (OSError, ValueError) as error:
            raise RunDirectoryError(
                "this is not the directory of a run.",
                where=str(self.path),
                got=f"{type(error).__name__}: {error}",
                do=f"name a directory that holds a {RECORD}.",
            ) from None
        if "task" not in record:
            raise RunDirectoryError(
                f"the {RECORD} is not the record of a run.",
                where=str(self.path),
                got=f"no task, but {', '.join(list(record)[:5]) or 'nothing'}",
                do="name the directory of a run that gantape made.",
            )
        return record


def machine() -> dict[str, Any]:
    """Versions of packages, platform and number of processors, for the record."""
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
