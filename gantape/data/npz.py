"""Arrays from an untrusted `.npz` file: no code is run, and no more memory is allocated than the file claims and holds."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

MOST_BYTES = 2**31
"""Limit for one array. A file can claim any shape, and a compressed one can hold a thousand times its size."""


def read_arrays(path: Path, names: Sequence[str], most_bytes: int = MOST_BYTES) -> list[np.ndarray[Any, Any]]:
    """Read arrays of numbers by name.

    The shape in a header is compared with the size in the archive's directory before memory is allocated. No pickle is read.

    Args:
        path: The file.
        names: The names of the arrays.
        most_bytes: The largest size of an array.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If an array is missing, is too large, does not match its header, or holds objects.
    """
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: member for member in archive.infolist()}
        missing = [name for name in names if f"{name}.npy" not in members]
        if missing:
            raise ValueError(f"no array {', '.join(missing)}")
        for name in names:
            _check_header(archive, members[f"{name}.npy"], most_bytes)
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return [arrays[name] for name in names]


def _check_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most_bytes: int) -> None:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise ValueError(f"{member.filename} has a header of version {version}")
        shape, _, dtype = read_header(file)
        start = file.tell()
    claimed = int(np.prod([int(size) for size in shape], dtype=object)) * dtype.itemsize
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds Python objects")
    if claimed > most_bytes:
        raise ValueError(f"{member.filename} claims {claimed} bytes, where at most {most_bytes} are read")
    if claimed != member.file_size - start:
        raise ValueError(f"{member.filename} claims {claimed} bytes and has {member.file_size - start}")
