"""The choice of a recipe for a folder of images, as flags that are added to the command line."""

import math
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import tensorflow as tf
from loguru import logger
from PIL import Image

from gantape.commands.command_line import DEFAULT_MINUTES
from gantape.commands.flags_of_runs import value_of
from gantape.commands.recipes import FOLDER_RECIPES, FolderName
from gantape.data import image_files

MINUTES = {32: 0.0, 64: 10.0, 128: 60.0, 256: 480.0}
"""From how many minutes of a CPU on an image size is chosen, a rule of thumb: each doubling of the sides makes an image four
times as expensive, and training needs more of them."""

FASTER_ON_GPU = 20.0
"""How many times as many minutes those of a GPU count: an estimate."""

FEW = 5_000
"""Below so many images, the recipe for few images is chosen, if there is time."""

PATIENT = 60.0
"""From how many minutes of a CPU on it is chosen, a rule of thumb: in a few minutes it was measured to be behind."""

MOST_MEASURED = 200
GREY = ("1", "L", "LA", "I", "I;16")
SMALLEST, SMALLEST_OF_FEW = 8, 32


@attrs.frozen
class Circumstances:
    """What a choice depends on.

    Args:
        images: Number of images.
        side: The median of the shorter sides of images, in pixels.
        grey: Whether all images are grey.
        minutes: How long training is to take; `None` if its length is given in steps or epochs.
        gpu: Whether there is a GPU.
        size: The image size, if it was given.
    """

    images: int
    side: int
    grey: bool
    minutes: float | None
    gpu: bool
    size: int | None = None

    def __str__(self) -> str:
        colours = "grey" if self.grey else "colour"
        time = "" if self.minutes is None else f", {self.minutes:g} minutes"
        return f"{self.images:,} {colours} images of about {self.side} pixels{time} on {'a GPU' if self.gpu else 'a CPU'}"

    @property
    def minutes_of_cpu(self) -> float:
        """The minutes of a CPU that the time is worth; as by default, if it is not known."""
        return (DEFAULT_MINUTES if self.minutes is None else self.minutes) * (FASTER_ON_GPU if self.gpu else 1.0)


@attrs.frozen
class Decision:
    """A flag that is added to the command line.

    Args:
        flag: The flag.
        value: Its value.
        reason: Why, as part of a sentence; empty if it needs no reason.
    """

    flag: str
    value: str
    reason: str = ""


def choose(circumstances: Circumstances) -> list[Decision]:
    """The recipe, the image size, the batch and the width for a folder of images."""
    size, why_size = _size(circumstances)
    recipe, why_recipe = _recipe(circumstances, size)
    batch = min(FOLDER_RECIPES[recipe].batch_size, max(circumstances.images, 1))
    decisions = [
        Decision("--task", recipe, why_recipe),
        Decision("--image-size", str(size), why_size),
        Decision("--batch-size", str(batch)),
    ]
    if circumstances.grey:
        decisions.append(Decision("--channels", "1"))
    if circumstances.minutes_of_cpu >= MINUTES[128]:
        width: Any = attrs.fields_dict(FOLDER_RECIPES[recipe].task_class)["width"].default
        decisions.append(Decision("--width", str(2 * width), "there is time for networks of twice the usual width"))
    return decisions


def _size(circumstances: Circumstances) -> tuple[int, str]:
    if circumstances.size is not None:
        return circumstances.size, ""
    in_time = max(size for size, minutes in MINUTES.items() if circumstances.minutes_of_cpu >= minutes)
    in_images = max(2 ** int(math.log2(max(circumstances.side, 1))), SMALLEST)
    if in_images <= in_time or in_time == max(MINUTES):
        return min(in_images, in_time), f"{min(in_images, in_time)} pixels are what the images allow"
    minutes = MINUTES[2 * in_time] / (FASTER_ON_GPU if circumstances.gpu else 1.0)
    return in_time, f"{2 * in_time} pixels would take {minutes:g} minutes or more"


def _recipe(circumstances: Circumstances, size: int) -> tuple[FolderName, str]:
    if circumstances.images >= FEW:
        return "image-gan", f"with {FEW:,} images and more, image-gan needs no augmentation and makes more steps"
    if size < SMALLEST_OF_FEW:
        return "image-gan", f"fastgan, for few images, begins at {SMALLEST_OF_FEW} pixels"
    if circumstances.minutes_of_cpu < PATIENT:
        minutes = PATIENT / (FASTER_ON_GPU if circumstances.gpu else 1.0)
        return "image-gan", f"fastgan, for few images, needs {minutes:g} minutes or more"
    return "fastgan", f"fastgan is for fewer than {FEW:,} images, which it moves and recolours for its discriminator"


def choose_for_folder() -> None:
    """Choose a recipe if the command line names a folder of images and no task: add flags that are not given, and log why.

    The flags become part of the command line, and so of the record of the run, from which it is resumed.
    """
    given = sys.argv[1:]
    data = value_of("--data", given)
    asked = any(value_of(flag, given) is not None for flag in ("--task", "--preset", "--resume"))
    if data is None or asked or any(flag in given for flag in ("-h", "--help")) or not Path(data).is_dir():
        return
    circumstances = circumstances_of(Path(data), given)
    if circumstances is None:
        return
    added = [decision for decision in choose(circumstances) if value_of(decision.flag, given) is None]
    sys.argv[1:] = [*given, *(f"{decision.flag}={decision.value}" for decision in added)]
    flags = " ".join(f"{decision.flag} {decision.value}" for decision in added)
    reasons = "; ".join(decision.reason for decision in added if decision.reason)
    logger.info("for {}, chosen: {}: {}. Any of these flags can be given.", circumstances, flags, reasons)


def circumstances_of(folder: Path, given: Sequence[str]) -> Circumstances | None:
    """The circumstances of a run on a folder with these flags; `None` if no image in it can be read."""
    logger.disable(image_files.__name__)  # what is left out is said when the folder is read
    files = image_files.images_in(folder)
    logger.enable(image_files.__name__)
    measured = [found for file in files[:: -(-len(files) // MOST_MEASURED) or 1] if (found := _looked_at(folder / file))]
    if not measured:
        return None
    minutes, size = _number(value_of("--minutes", given)), _number(value_of("--image-size", given))
    other_length = any(value_of(flag, given) is not None for flag in ("--steps", "--epochs"))
    return Circumstances(
        images=len(files),
        side=int(statistics.median(side for side, _ in measured)),
        grey=all(mode in GREY for _, mode in measured),
        minutes=None if other_length else DEFAULT_MINUTES if minutes is None else minutes,
        gpu=bool(tf.config.list_physical_devices("GPU")),
        size=None if size is None else int(size),
    )


def _looked_at(path: Path) -> tuple[int, str] | None:
    """The shorter side and the mode of an image, from its header; `None` if it cannot be read."""
    try:
        with Image.open(path, formats=image_files.FORMATS) as image:
            return min(image.size), image.mode
    except Exception:  # Pillow raises errors of many classes
        return None


def _number(text: str | None) -> float | None:
    """The number that a flag gives; `None` if it is left out, or wrong, which is an error when the flags are parsed."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
