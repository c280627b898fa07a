"""The images that a finished run was trained on, as bytes in memory, to judge its samples with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from loguru import logger

import gantape as gt
from gantape.commands.finished_run import FinishedRun
from gantape.commands.flags_of_runs import value_of
from gantape.commands.training_data import NAMES, load, name_of
from gantape.errors import RunDirectoryError

MOST_IMAGES = 5_000
MOST_NUMBERS = 2**26
"""Bytes of all images together: they are compared in float64, which takes eight times as much memory."""

ImageArray = np.ndarray[Any, np.dtype[np.uint8]]


@attrs.frozen(eq=False)
class TrainingImages:
    """The images of a run.

    Args:
        name: Their name.
        train: Training images, shape `examples height width channels`.
        held_out: Images of the same kind that the run was not trained on; `None` if there are none.
    """

    name: str
    train: ImageArray = attrs.field(repr=False)
    held_out: ImageArray | None = attrs.field(repr=False)


def images_of(run: FinishedRun, shape: tuple[int, int, int], folder: Path | None, held_out: Path | None) -> TrainingImages:
    """The training images of a run, read again.

    Args:
        run: The run.
        shape: Height, width and channels of its images.
        folder: The folder of the training images; by default where the run found it.
        held_out: A folder of other real images.

    Raises:
        RunDirectoryError: If its training data cannot be found.
        DataError: If a folder holds no images.
    """
    described = str(run.record.get("data", {}).get("name", ""))
    kind = described.split(" ")[0]
    others = None if held_out is None else _read(held_out, shape)
    if name_of(described) is not None or kind == "photographs":
        options: dict[str, Any] = {} if kind in NAMES else {"size": shape[0], "channels": shape[2], "labels": False}
        read = getattr(gt.data, kind)
        train, test = (read(batch_size=64, split=split, **options).arrays for split in ("train", "test"))
        train, test = (part[0] if isinstance(part, tuple) else part for part in (train, test))
        return TrainingImages(kind, _some(train), _some(test) if others is None else others)
    if kind != "folder":
        raise RunDirectoryError(
            "this run was not trained on images that can be read again.",
            where=str(run.path),
            got=described or "no name of data",
            do=f"name a run on {', '.join(NAMES)}, photographs or a folder; for other data use gantape.evaluation in a script.",
        )
    return TrainingImages(described, _read(_folder_of(run, folder), shape, run.record["data"]), others)


def images_of_data(data: str, shape: Sequence[int]) -> TrainingImages:
    """The images of a folder or photographs, before a run on them.

    Args:
        data: The folder, or a name, as `load` takes it.
        shape: Height, width and channels of images.

    Raises:
        DataNotFoundError: If there is no such data.
        DataError: If the folder holds no images.
    """
    found = load(data, 1, shape, labels=False)
    stored = found.arrays if isinstance(found, gt.data.ArrayBatches) else None
    return TrainingImages(found.name, _rows_of(found, tuple(shape)) if stored is None else _some(stored), None)


def _folder_of(run: FinishedRun, folder: Path | None) -> Path:
    arguments = run.record.get("arguments")
    flag = value_of("--data", [str(word) for word in arguments]) if isinstance(arguments, list) else None
    found = folder or (Path(flag) if flag else None)
    if found is None or not found.is_dir():
        raise RunDirectoryError(
            "the folder of the training images is not found.",
            where=str(run.path),
            got=f"{found}, which is no folder here" if found else "no folder in the record",
            do="name it: --data FOLDER.",
        )
    return found


def _read(folder: Path, shape: tuple[int, int, int], record: Any = None) -> ImageArray:
    """The images of a folder, or as many as are compared."""
    data = gt.data.image_folder(folder, batch_size=64, size=shape[:2], channels=shape[2])
    if record is not None and record.get("names_and_sizes") not in (None, data.describe()["names_and_sizes"]):
        logger.warning("{} does not hold the files that this run was trained on: copies of others are not found.", folder)
    return _rows_of(data, shape)


def _rows_of(data: Any, shape: tuple[int, ...]) -> ImageArray:
    return np.concatenate(list(data.source.batches(_rows(data.examples, shape), 64)))


def _some(images: ImageArray) -> ImageArray:
    return images[_rows(len(images), images.shape[1:])]


def _rows(count: int, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The numbers of the images to compare: all of them, or random ones, in order."""
    most = min(MOST_IMAGES, max(1, MOST_NUMBERS // int(np.prod(shape))))
    if count <= most:
        return np.arange(count)
    logger.info("{:,} of {:,} images are compared.", most, count)
    return np.sort(np.random.default_rng(0).permutation(count)[:most])
