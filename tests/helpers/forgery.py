"""Forged files of a run, with checksums that are right."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from gantape._files import checksum
from gantape.checkpoints.folder import _digest


class Bomb:
    """A pickle that leaves a file if it is read."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self._mark}",)


def newest(run_dir: Path) -> Path:
    return max((run_dir / "checkpoints").glob("*-step-*"))


def seal(folder: Path, **changes: Any) -> None:
    """Forge the manifest of a checkpoint: all checksums are right."""
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["blake2b"]
    for name, facts in manifest["files"].items():
        if (folder / name).exists():
            facts |= {"bytes": (folder / name).stat().st_size, "blake2b": checksum(folder / name)}
    manifest |= changes
    (folder / "manifest.json").write_text(json.dumps({**manifest, "blake2b": _digest(manifest)}))


def with_state(run_dir: Path, **changes: Any) -> None:
    """Forge the state of the only checkpoint."""
    folder = newest(run_dir)
    for other in (run_dir / "checkpoints").glob("*-step-*"):
        if other != folder:
            shutil.rmtree(other)
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(state | changes))
    seal(folder)


def flip(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]
