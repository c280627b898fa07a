"""Images of handwritten digits and clothes: MNIST, Fashion-MNIST, and scikit-learn's digits.

MNIST and Fashion-MNIST are read from `mnist.npz` and `fashion_mnist.npz` in the folder named by the environment variable
`GANTAPE_DATA`, or else through `keras.datasets`, which downloads them once and keeps them in its cache.
"""

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from loguru import logger

from gantape.data.arrays import ArrayBatches, from_arrays
from gantape.data.npz import read_arrays
from gantape.data.pixels import scale_pixels
from gantape.errors import DataError, DataNotFoundError

Split = Literal["train", "test"]
ImageArray = np.ndarray[Any, np.dtype[np.uint8]]
LabelArray = np.ndarray[Any, np.dtype[np.int32]]

DIGITS_TEST_EXAMPLES = 297
FOLDER_VARIABLE = "GANTAPE_DATA"

_BROKEN = (zipfile.BadZipFile, zlib.error, SyntaxError, MemoryError, OverflowError)


def mnist(
    *, batch_size: int, split: Split = "train", labels: bool = True, pixels: tuple[float, float] = (0.0, 1.0)
) -> ArrayBatches:
    """MNIST: 60,000 training and 10,000 test digits, 28×28×1.

    Args:
        batch_size: Examples in a batch.
        split: "train" or "test".
        labels: Whether a batch is `(images, labels)` or images alone.
        pixels: The range that the bytes are scaled to, inside the graph.

    Raises:
        DataNotFoundError: If MNIST is neither on disk nor can be downloaded.

    References:
        LeCun et al. 1998, Gradient-based learning applied to document recognition.
    """
    return image_batches(_load("mnist", split), f"mnist {split}", batch_size, labels, pixels)


def fashion_mnist(
    *, batch_size: int, split: Split = "train", labels: bool = True, pixels: tuple[float, float] = (0.0, 1.0)
) -> ArrayBatches:
    """Fashion-MNIST: 60,000 training and 10,000 test pictures of clothes, 28×28×1. Arguments as for `mnist`.

    Raises:
        DataNotFoundError: If Fashion-MNIST is neither on disk nor can be downloaded.

    References:
        Xiao et al. 2017, arXiv 1708.07747.
    """
    return image_batches(_load("fashion_mnist", split), f"fashion_mnist {split}", batch_size, labels, pixels)


def digits(
    *, batch_size: int, split: Split = "train", labels: bool = True, pixels: tuple[float, float] = (0.0, 1.0)
) -> ArrayBatches:
    """The 1,797 handwritten digits of scikit-learn, resized from 8×8 to 28×28×1. They need no network.

    The last 297 are the test split: the file is ordered by writer, so that, with one exception at the border, no writer is in
    both splits. Arguments as for `mnist`.

    References:
        Alpaydin and Kaynak 1998, Optical recognition of handwritten digits, UCI.
    """
    return image_batches(_load_digits(split), f"digits {split}", batch_size, labels, pixels)


def mnist_or_digits(
    *, batch_size: int, split: Split = "train", labels: bool = True, pixels: tuple[float, float] = (0.0, 1.0)
) -> ArrayBatches:
    """MNIST if it is available, else scikit-learn's digits, with a warning in the log. Arguments as for `mnist`."""
    try:
        return mnist(batch_size=batch_size, split=split, labels=labels, pixels=pixels)
    except DataNotFoundError:
        logger.warning("MNIST is not available; using the 1,797 embedded digits.")
        return digits(batch_size=batch_size, split=split, labels=labels, pixels=pixels)


def image_batches(
    arrays: tuple[ImageArray, LabelArray], name: str, batch_size: int, labels: bool, pixels: tuple[float, float]
) -> ArrayBatches:
    """Batches of images, with their labels or alone, whose bytes are scaled inside the graph."""
    return from_arrays(arrays if labels else arrays[0], batch_size=batch_size, prepare=scale_pixels(*pixels), name=name)


def _load(name: Literal["mnist", "fashion_mnist"], split: Split) -> tuple[ImageArray, LabelArray]:
    check_split(split, name)
    folder = os.environ.get(FOLDER_VARIABLE)
    path = Path(folder, f"{name}.npz") if folder else None
    if path is not None and path.is_file():
        try:
            images, labels = read_arrays(path, (f"x_{split}", f"y_{split}"))
        except (OSError, EOFError, ValueError, TypeError, KeyError, NotImplementedError, RuntimeError, *_BROKEN) as error:
            raise DataError(
                f"{path.name} cannot be read.",
                where=f"gantape.data.{name}, {FOLDER_VARIABLE}",
                got=f"{path}: {error}",
                do="replace the file by one with the arrays x_train, y_train, x_test and y_test.",
            ) from None
    else:
        try:
            parts = getattr(keras.datasets, name).load_data()
        except Exception as error:
            raise DataNotFoundError(
                f"{name} is not available.",
                where=f"gantape.data.{name}",
                got=f"no {path or f'folder in {FOLDER_VARIABLE}'}; keras.datasets: {error}",
                do=f"put {name}.npz into a folder and set {FOLDER_VARIABLE} to it, or connect to a network so that Keras "
                "can download it, or use gantape.data.digits, which needs neither.",
            ) from None
        images, labels = parts[0 if split == "train" else 1]
    if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{name} does not hold images and labels.",
            where=f"gantape.data.{name}",
            got=f"images {images.dtype}{images.shape}, labels {labels.shape}",
            do="use the published file: uint8 images (examples, 28, 28) and as many labels.",
        )
    return images[..., None], labels.astype(np.int32)


def _load_digits(split: Split) -> tuple[ImageArray, LabelArray]:
    from PIL import Image
    from sklearn.datasets import load_digits

    check_split(split, "digits")
    found = load_digits()
    part = slice(None, -DIGITS_TEST_EXAMPLES) if split == "train" else slice(-DIGITS_TEST_EXAMPLES, None)
    # As in MNIST, the digit fills 20×20 pixels, with a margin of 4 pixels.
    images = np.zeros((len(found.images[part]), 28, 28, 1), np.uint8)
    for image, small in zip(images, found.images[part], strict=True):
        scaled = np.round(small * (255.0 / 16.0)).astype(np.uint8)
        image[4:24, 4:24, 0] = np.asarray(Image.fromarray(scaled).resize((20, 20), Image.Resampling.BICUBIC))
    return images, found.target[part].astype(np.int32)


def check_split(split: str, name: str) -> None:
    """Raise a `DataError` unless the split is "train" or "test"."""
    if split not in ("train", "test"):
        raise DataError(
            "there is no such split.",
            where=f"gantape.data.{name}, argument `split`",
            got=repr(split),
            do='pass "train" or "test"; split validation data off the training split with .split(validation=...).',
        )
