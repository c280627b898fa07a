"""The cache of trained networks: files of arrays, in which nothing is executed."""

import hashlib
import json
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger

from gantape._files import cache_folder
from gantape.checkpoints.run_directory import machine
from gantape.types import Model


def cached_file(kind: str, settings: Mapping[str, Any], folder: str | Path | None) -> Path:
    """The file of a network that follows from settings, and from the versions of gantape, TensorFlow and Keras."""
    versions = {name: machine()[name] for name in ("gantape", "tensorflow", "keras")}
    digest = hashlib.blake2b(json.dumps({**settings, "versions": versions}, sort_keys=True).encode(), digest_size=8)
    return (Path(folder) if folder else cache_folder()) / f"{kind}-{digest.hexdigest()}.npz"


def identity_of(models: Sequence[Model]) -> str:
    """A hash of the weights of networks."""
    digest = hashlib.blake2b(digest_size=6)
    for variable in _variables(models):
        digest.update(np.ascontiguousarray(variable.numpy()).data)
    return digest.hexdigest()


def save_weights(path: Path, models: Sequence[Model], **facts: float) -> None:
    """Write the weights of networks, and numbers about them, to a file; folders are created.

    A warning says if it cannot be written: the networks can be used all the same, and are trained again next time.
    """
    values = [np.array(variable.numpy()) for variable in _variables(models)]
    weights: dict[str, Any] = {f"weight_{number:03d}": value for number, value in enumerate(values)}
    weights |= {name: np.float64(value) for name, value in facts.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Other threads, processes and machines may write the same file.
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            fresh = Path(folder) / path.name
            np.savez(fresh, **weights)
            fresh.replace(path)
    except OSError as error:
        logger.warning("{} cannot be written; the network will be trained again next time: {}", path, error)


def load_weights(path: Path, models: Sequence[Model], *facts: str) -> tuple[float, ...] | None:
    """Read the weights of networks, and return numbers about them; `None` if there is no such file, or it is damaged."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = [arrays[f"weight_{number:03d}"] for number in range(len(_variables(models)))]
            numbers = tuple(float(arrays[name]) for name in facts)
            for variable, value in zip(_variables(models), found, strict=True):
                variable.assign(value)
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        logger.warning("{} cannot be read; the network is trained again: {}", path, error)
        return None
    return numbers


def _variables(models: Sequence[Any]) -> list[Any]:
    return [variable for model in models for variable in model.variables if "float" in str(variable.dtype)]
