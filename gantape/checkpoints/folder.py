"""Checkpoints on disk: written atomically, verified when read; the newest ones and the best are kept.

    checkpoints/
    ├── 000004-step-300/
    ├── 000005-step-400/
    │   ├── manifest.json                  sizes and checksums of the others, and of itself
    │   ├── state.json                     counters, position, history, totals, states of callbacks
    │   ├── tensors.index, tensors.data-…  every variable of the task, and what its layers hold besides
    │   └── data.index, data.data-…        the iterator of a tf.data.Dataset
    └── best.json                          the name of the best one

Numbers increase with each save. A checkpoint is written into a folder of another name, synced to disk, and renamed.
"""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
from loguru import logger

from gantape._files import checksum, read_json, sync, unwritable, write_whole
from gantape.errors import RunDirectoryError

FOLDER = "checkpoints"
FORMAT = 3
"""The version of the files. Checkpoints in another format are not read."""

MANIFEST, STATE, TENSORS, DATA = "manifest.json", "state.json", "tensors", "data"
_NAME = re.compile(r"(\d{6,})-step-(\d+)")


@attrs.define
class Cost:
    """The cost of checkpoints.

    Args:
        saved: The number of checkpoints saved.
        seconds: Seconds spent on saving.
        bytes: Bytes of the newest.
    """

    saved: int = 0
    seconds: float = 0.0
    bytes: int = 0


@attrs.frozen(eq=False)
class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        path: The folder.
        run: The unique name of the run. Checkpoints of another run are not read.
        cost: The cost so far.
    """

    path: Path
    run: str
    cost: Cost = attrs.field(factory=Cost)

    def save(self, step: int, write: Callable[[Path], Mapping[str, Any]], keep: int) -> Path:
        """Save a checkpoint, and remove old ones.

        Args:
            step: The step of the run.
            write: Writes files into the given folder, and returns the state of the run in JSON form.
            keep: How many of the newest to keep.

        Returns:
            The folder of the checkpoint.

        Raises:
            RunDirectoryError: If it cannot be written. Earlier checkpoints are unchanged.
        """
        started = time.perf_counter()
        number = max(map(_number, self._folders()), default=0) + 1
        place = self.path / f"{number:06d}-step-{step}"
        temporary = self.path / f".new-{place.name}"
        try:
            self.path.mkdir(exist_ok=True)
            self._clear()
            temporary.mkdir()
            (temporary / STATE).write_text(json.dumps(write(temporary), separators=(",", ":")))
            bytes_written = self._seal(temporary, step)
            temporary.rename(place)
            sync(self.path)
            self._prune(keep)
        except OSError as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise unwritable(self.path, error) from None
        self.cost.saved += 1
        self.cost.seconds += time.perf_counter() - started
        self.cost.bytes = bytes_written
        logger.debug("saved {} in {:.3f} s", place, time.perf_counter() - started)
        return place

    def mark_best(self, folder: Path, value: float) -> None:
        """Mark a checkpoint as the best so far.

        Raises:
            RunDirectoryError: If it cannot be written.
        """
        try:
            write_whole(self.path / "best.json", json.dumps({"checkpoint": folder.name, "value": value}) + "\n")
        except OSError as error:
            raise unwritable(self.path, error) from None

    def newest(self) -> Path | None:
        """The newest checkpoint by name, whole or damaged."""
        return next(self._folders(), None)

    def best(self) -> Path | None:
        """The checkpoint that is marked as the best, if it exists."""
        try:
            name = read_json(self.path / "best.json", 2**12)["checkpoint"]
        except (OSError, ValueError, KeyError):
            return None
        return next((folder for folder in self._folders() if folder.name == name), None)

    def load(self, which: Path | None = None) -> tuple[Path, dict[str, Any]]:
        """Load the newest whole checkpoint, or the given one. Damaged ones are passed over with a warning.

        Returns:
            Its folder, and its state.

        Raises:
            RunDirectoryError: If there is none.
        """
        problems = []
        for folder in self._folders() if which is None else [which]:
            try:
                return folder, self._verified(folder)
            except (OSError, ValueError) as error:
                problems.append(f"{folder.name}, {error}")
                logger.warning("passing over the checkpoint {}: {}", folder, error)
        raise RunDirectoryError(
            "there is no whole checkpoint.",
            where=str(self.path),
            got="; ".join(problems) or "none at all",
            do="begin a new run in another directory.",
        )

    def _folders(self) -> Iterator[Path]:
        """Checkpoints by name, the newest first."""
        try:
            found = [path for path in self.path.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]
        except FileNotFoundError:
            found = []
        return iter(sorted(found, key=_number, reverse=True))

    def _seal(self, folder: Path, step: int) -> int:
        """Sync all files to disk and write the manifest; returns the number of bytes."""
        files: dict[str, dict[str, Any]] = {}
        for path in sorted(folder.iterdir()):
            sync(path)
            files[path.name] = {"bytes": path.stat().st_size, "blake2b": checksum(path)}
        facts = {"format": FORMAT, "run": self.run, "step": step, "files": files}
        manifest = folder / MANIFEST
        manifest.write_text(json.dumps({**facts, "blake2b": _digest(facts)}, indent=1) + "\n")
        sync(manifest)
        sync(folder)
        return sum(file["bytes"] for file in files.values())

    def _verified(self, folder: Path) -> dict[str, Any]:
        """The state of a checkpoint, if every file is as it was written; otherwise raise an error that names the file."""
        manifest = _read(folder, MANIFEST, 2**20)
        claimed = manifest.pop("blake2b", None)
        if claimed != _digest(manifest):
            raise ValueError(f"{MANIFEST} is not as it was written")
        if manifest.get("format") != FORMAT or manifest.get("run") != self.run:
            raise ValueError(f"{MANIFEST} is one of another run")
        files = manifest.get("files")
        if not isinstance(files, dict) or STATE not in files:
            raise ValueError(f"{MANIFEST} names no {STATE}")
        for name, facts in files.items():
            path = folder / name
            if not isinstance(facts, dict):
                raise ValueError(f"{MANIFEST} says nothing of {name}")
            if Path(name).name != name or name in ("", ".", "..") or path.is_symlink() or not path.is_file():
                raise ValueError(f"{name} is not a file in this folder")
            if path.stat().st_size != facts.get("bytes"):
                raise ValueError(f"{name} has {path.stat().st_size} bytes for {facts.get('bytes')}")
            if checksum(path) != facts.get("blake2b"):
                raise ValueError(f"{name} is not as it was written")
        return _read(folder, STATE)

    def _prune(self, keep: int) -> None:
        best = self.best()
        for folder in list(self._folders())[keep:]:
            if folder != best:
                # Renamed first, so that a half-removed checkpoint never has a checkpoint's name.
                folder.rename(gone := folder.with_name(f".gone-{folder.name}"))
                shutil.rmtree(gone)

    def _clear(self) -> None:
        """Remove partial folders that a killed process has left."""
        for path in self.path.iterdir():
            if path.name.startswith((".new-", ".gone-")) and _NAME.fullmatch(path.name.split("-", 1)[1]):
                shutil.rmtree(path)


def step_of(folder: Path) -> int:
    """The step at which a checkpoint was saved, from its name."""
    return int(folder.name.rpartition("-")[2])


def _number(folder: Path) -> int:
    return int(folder.name.split("-")[0])


def _digest(facts: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()


def _read(folder: Path, name: str, most_bytes: int = 2**28) -> dict[str, Any]:
    try:
        return read_json(folder / name, most_bytes)
    except (OSError, ValueError) as error:
        raise ValueError(f"{name}: {type(error).__name__}: {error}") from None
