"""Files that are written atomically, and validated when they are read."""

import functools
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from gantape.errors import RunDirectoryError

MOST_BYTES_OF_JSON = 2**28
"""A JSON file takes some ten times its size in memory: a larger one is not read."""


CACHE_VARIABLE = "GANTAPE_CACHE"


def cache_folder() -> Path:
    """The folder for what can be made again: that of the environment variable `GANTAPE_CACHE`, or the user's cache."""
    import platformdirs

    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("gantape"))


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically: readers, also after a crash, find the old text or the new, never half of it.

    A symbolic link at `path` is replaced, not followed.

    Raises:
        OSError: If it cannot be written; the old file is unchanged.
    """
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.write_text(text, encoding="utf-8", newline="")
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on disk."""
    if path.is_dir() and os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: Path, most_bytes: int = MOST_BYTES_OF_JSON) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is too large, is not JSON, or holds something else.
    """
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(f"{size} bytes, where at most {most_bytes} are read")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("objects nested without end") from None
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__} for an object")
    return found


def checksum(path: Path) -> str:
    """BLAKE2b of a file's bytes, 32 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, functools.partial(hashlib.blake2b, digest_size=16)).hexdigest()


def unwritable(path: Path, error: OSError) -> RunDirectoryError:
    """The error for a run's directory that cannot be written."""
    return RunDirectoryError(
        "the directory of the run cannot be written.",
        where=str(path),
        got=f"{type(error).__name__}: {error.strerror or error}",
        do="name a directory that can be written, on a disk with room.",
    )
