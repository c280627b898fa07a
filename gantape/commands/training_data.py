"""The training data of the programs: MNIST, Fashion MNIST, digits or photographs by name, or a folder of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import attrs
from loguru import logger

import gantape as gt
from gantape.commands.program import program_name
from gantape.errors import DataError, DataNotFoundError

Data = Literal["auto", "mnist", "fashion_mnist", "digits", "photographs"]
NAMES = ("mnist", "fashion_mnist", "digits")
"""Digits and clothes, for which a classifier can judge samples."""

DIGITS_SHAPE = (28, 28, 1)


def name_of(description: str) -> str | None:
    """The name of the data, given that of its batches, such as "mnist train"; `None` if it is not in `NAMES`."""
    name = description.split(" ")[0]
    return name if name in NAMES else None


def has_classes(data: str, shape: Sequence[int] | None) -> bool:
    """Whether a classifier can judge samples of some data, given as for `load`."""
    return data in NAMES or (data == "auto" and (shape is None or tuple(shape) == DIGITS_SHAPE))


def load(data: str, batch_size: int, shape: Sequence[int] | None, **options: Any) -> Any:
    """The batches of some data.

    Args:
        data: A name, or a folder of images. "auto" is MNIST or digits for images of 28×28×1, photographs for others.
        batch_size: Examples in a batch. A folder with fewer images makes a smaller batch, which the log says.
        shape: Height, width and channels that photographs and images of a folder are resized to, and that digits have to have;
            `None` if only digits are allowed.
        options: `labels`, `pixels` and `split`, as `gantape.data.mnist` takes them.

    Raises:
        DataError: If digits or clothes are asked for in another size.
        DataNotFoundError: If there is no such data.
    """
    if data == "photographs" or (data == "auto" and not has_classes(data, shape)):
        height, _, channels = shape or DIGITS_SHAPE
        return gt.data.photographs(batch_size=batch_size, size=height, channels=channels, **options)
    if data in get_args(Data):
        if shape is not None and tuple(shape) != DIGITS_SHAPE:
            raise DataError(
                "this data has images of 28×28 pixels and one channel.",
                where=f"{program_name()}, --data",
                got=f"{data}, where the task makes images of {'×'.join(map(str, shape))}",
                do="give --data photographs or a folder of images, which are resized, or another --task.",
            )
        by_name = gt.data.mnist_or_digits if data == "auto" else getattr(gt.data, data)
        return by_name(batch_size=batch_size, **options)
    if shape is None or not Path(data).is_dir():
        raise DataNotFoundError(
            "there is no such data.",
            where=f"{program_name()}, --data",
            got=data + (", a folder, where digits are needed" if Path(data).is_dir() else ""),
            do=f"give one of {', '.join(get_args(Data))}" + ("." if shape is None else ", or a folder of images."),
        )
    height, width, channels = shape
    found = gt.data.image_folder(data, batch_size=batch_size, size=(height, width), channels=channels, **options)
    if found.examples >= batch_size:
        return found
    logger.warning("{} images, fewer than a batch of {}: a batch is {} images.", found.examples, batch_size, found.examples)
    return attrs.evolve(found, batch_size=found.examples)
