"""Checkpoints on disk: written whole, verified when read, the last few and the best kept.

    checkpoints/
    ├── 000004-step-300/
    ├── 000005-step-400/
    │   ├── manifest.json                  sizes and checksums of the others, and of itself
    │   ├── state.json                     counters, position, history, totals, what callbacks remember
    │   ├── tensors.index, tensors.data-…  every variable of the task
    │   └── data.index, data.data-…        the iterator of a tf.data.Dataset
    └── best.json                          which one is the best

Numbers rise from save to save. A checkpoint is written into a folder of another name, brought to the disk, and renamed.
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
FORMAT = 2
"""Of the files. Checkpoints of another format are not read."""

MANIFEST, STATE, TENSORS, DATA = "manifest.json", "state.json", "tensors", "data"
_NAME = re.compile(r"(\d{6,})-step-(\d+)")


@attrs.define
class Cost:
    """What checkpoints cost.

    Args:
        saved: How many were saved.
        seconds: Seconds that it took.
        bytes: Bytes of the newest.
    """

    saved: int = 0
    seconds: float = 0.0
    bytes: int = 0


@attrs.frozen(eq=False)
class CheckpointFolder:
    """The checkpoints of one run.

    Args:
        path: Where they lie.
        run: The run's own identity: a checkpoint of another run is not one of these.
        cost: What they cost so far.
    """

    path: Path
    run: str
    cost: Cost = attrs.field(factory=Cost)

    def save(self, step: int, write: Callable[[Path], Mapping[str, Any]], keep: int) -> Path:
        """Save a checkpoint, and remove those that are no longer to be kept.

        Args:
            step: The step of the run.
            write: Writes files into the folder that it is given; returns the state of the run, as JSON has it.
            keep: How many of the newest to keep.

        Returns:
            Where it lies.

        Raises:
            RunDirectoryError: If it cannot be written. The earlier ones are as they were.
        """
        started = time.perf_counter()
        number = max(map(_number, self._folders()), default=0) + 1
        place = self.path / f"{number:06d}-step-{step}"
        fresh = self.path / f".new-{place.name}"
        try:
            self.path.mkdir(exist_ok=True)
            self._clear()
            fresh.mkdir()
            (fresh / STATE).write_text(json.dumps(write(fresh), separators=(",", ":")))
            bytes_written = self._seal(fresh, step)
            fresh.rename(place)
            sync(self.path)
            self._prune(keep)
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise unwritable(self.path, error) from None
        self.cost.saved += 1
        self.cost.seconds += time.perf_counter() - started
        self.cost.bytes = bytes_written
        logger.debug("saved {} in {:.3f} s", place, time.perf_counter() - started)
        return place

    def mark_best(self, folder: Path, value: float) -> None:
        """Note that a checkpoint is the best so far.

        Raises:
            RunDirectoryError: If it cannot be written.
        """
        try:
            write_whole(self.path / "best.json", json.dumps({"checkpoint": folder.name, "value": value}) + "\n")
        except OSError as error:
            raise unwritable(self.path, error) from None

    def newest(self) -> Path | None:
        """The newest checkpoint by name, whole or not."""
        return next(self._folders(), None)

    def best(self) -> Path | None:
        """The best checkpoint by name, if one is marked and there."""
        try:
            name = read_json(self.path / "best.json", 2**12)["checkpoint"]
        except (OSError, ValueError, KeyError):
            return None
        return next((folder for folder in self._folders() if folder.name == name), None)

    def load(self, which: Path | None = None) -> tuple[Path, dict[str, Any]]:
        """The newest whole checkpoint, or the named one. A damaged one is passed over with a warning.

        Returns:
            Where it lies, and its state.

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
        """Bring all files to the disk and write the manifest; returns how many bytes there are."""
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
        """The state of a checkpoint whose every file is as it was written; else raises an error that names the file."""
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
                # Renamed first: half of a checkpoint is never seen under its name.
                folder.rename(gone := folder.with_name(f".gone-{folder.name}"))
                shutil.rmtree(gone)

    def _clear(self) -> None:
        """Remove what a process that was killed has left half done."""
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
