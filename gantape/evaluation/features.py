"""Networks that map images to features, learnt without labels, for metrics of any set of images."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np

from gantape.errors import DataError, RangeError
from gantape.evaluation.measurement import FloatArray, check_finite
from gantape.shapes import check_shape
from gantape.types import Model

IMAGES_AT_ONCE = 250


@attrs.frozen(eq=False)
class FeatureNetwork:
    """A network that maps images to features. Made by `learn_features` or `load_features`.

    Args:
        model: A model from prepared images to features, shape `batch features`.
        identity: A hash of the weights: only values from the same network can be compared.
        source: Where the features come from, in words.
        shape: The axes of the images, such as "batch 32 32 3" or "batch height width channels".
        prepare: Maps a batch of images with pixels from 0 to 1 to the model's input.
    """

    model: Model = attrs.field(repr=False)
    identity: str
    source: str
    shape: str
    prepare: Callable[[np.ndarray[Any, Any]], Any] = attrs.field(default=np.asarray, repr=False)

    def features(self, images: Any, *, pixels: tuple[float, float] = (0.0, 1.0)) -> FloatArray:
        """The features of images, shape `examples features`.

        Args:
            images: Shape `batch height width channels`.
            pixels: The values of black and white in `images`, such as `task.pixels`; `(0, 255)` for bytes.

        Raises:
            ShapeError: If the images have other axes.
            DataError: If there are no images.
            RangeError: If a pixel is not finite, or features are not.
        """
        where = "gantape.evaluation.FeatureNetwork.features, argument `images`"
        model: Any = self.model
        parts = scaled_parts(images, self.shape, pixels, IMAGES_AT_ONCE, where)
        found = np.concatenate([np.asarray(model.predict_on_batch(self.prepare(part)), np.float64) for part in parts])
        if not np.isfinite(found).all():
            raise RangeError(
                "features are not finite.",
                where=where,
                got=f"{self}",
                do="check the network's weights, and the range of pixels that it was trained with.",
            )
        return found

    def __str__(self) -> str:
        return f"features {self.identity}, {self.source}"


def scaled_parts(
    images: Any, shape: str, pixels: tuple[float, float], size: int, where: str
) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    """Images in parts of at most `size`, with pixels from 0 to 1.

    Raises:
        ShapeError: If the images do not have the axes `shape`.
        DataError: If there are no images.
        RangeError: If a pixel is not finite.
    """
    array = np.asarray(images)
    check_shape(array, shape, name="images", where=where)
    if not len(array):
        raise DataError("there are no images.", where=where, got="no image", do="pass at least one.")
    low, high = pixels
    for start in range(0, len(array), size):
        part = (array[start : start + size].astype(np.float32) - low) / (high - low)
        check_finite(part, "pixels", where)
        yield part
