"""The training data of the programs: MNIST, Fashion MNIST or digits by name, or a folder of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import gantape as gt
from gantape.commands.program import program_name
from gantape.errors import DataNotFoundError

Data = Literal["auto", "mnist", "fashion_mnist", "digits"]
NAMES = ("mnist", "fashion_mnist", "digits")
"""Data that `gantape.data` loads by name."""


def name_of(description: str) -> str | None:
    """The name of the data, given that of its batches, such as "mnist train"; `None` if it is not in `NAMES`."""
    name = description.split(" ")[0]
    return name if name in NAMES else None


def load(data: str, batch_size: int, shape: Sequence[int] | None, **options: Any) -> Any:
    """The batches of some data.

    Args:
        data: A name, or a folder of images.
        batch_size: Examples in a batch.
        shape: Height, width and channels that images of a folder are resized to; `None` if only names are allowed.
        options: `labels`, `pixels` and `split`, as `gantape.data.mnist` takes them.

    Raises:
        DataNotFoundError: If there is no such data.
    """
    if data in get_args(Data):
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
    return gt.data.image_folder(data, batch_size=batch_size, size=(height, width), channels=channels, **options)
