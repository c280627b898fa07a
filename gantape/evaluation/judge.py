"""The judge: a trained classifier whose features and probabilities are the basis of metrics."""

from typing import Any

import attrs
import keras
import numpy as np

from gantape.evaluation.features import scaled_parts
from gantape.types import Model

IMAGES_AT_ONCE = 500


@attrs.frozen(eq=False)
class Embedding:
    """A judge's outputs for images.

    Args:
        features: Shape `examples features`.
        probabilities: Of each class, shape `examples classes`.
    """

    features: np.ndarray[Any, np.dtype[np.float64]]
    probabilities: np.ndarray[Any, np.dtype[np.float64]]

    @property
    def labels(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The likeliest class of each image."""
        return self.probabilities.argmax(axis=1)


@attrs.frozen(eq=False)
class Judge:
    """A trained classifier for judging images. Made by `train_judge`.

    Args:
        model: A model from images with pixels from 0 to 1 to logits, with a layer "features".
        identity: A hash of the weights: only values from the same judge can be compared.
        accuracy: Accuracy on the test split.
        data: Name of its training data.
    """

    model: Model = attrs.field(repr=False)
    identity: str
    accuracy: float
    data: str
    _both: Any = attrs.field(init=False, repr=False, default=attrs.Factory(lambda judge: _with_features(judge.model), True))

    def embed(self, images: Any, *, pixels: tuple[float, float] = (0.0, 1.0)) -> Embedding:
        """Features and probabilities of images.

        Args:
            images: Shape `batch height width channels`, of the size of the judge's data.
            pixels: The values of black and white in `images`, such as `task.pixels`; `(0, 255)` for bytes.

        Raises:
            ShapeError: If the images have other axes.
            DataError: If there are no images.
            RangeError: If a pixel is not finite.
        """
        height, width, channels = getattr(self.model, "input_shape", (None, None, None, None))[1:]
        where = "gantape.evaluation.Judge.embed, argument `images`"
        parts = []
        for part in scaled_parts(images, f"batch {height} {width} {channels}", pixels, IMAGES_AT_ONCE, where):
            filled = np.concatenate([part, np.zeros((IMAGES_AT_ONCE - len(part), *part.shape[1:]), np.float32)])
            outputs = self._both.predict_on_batch(filled)
            parts.append([np.asarray(output, np.float64)[: len(part)] for output in outputs])
        features, logits = (np.concatenate(found) for found in zip(*parts, strict=True))
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return Embedding(features, odds / odds.sum(axis=1, keepdims=True))

    def __str__(self) -> str:
        return f"judge {self.identity} of {self.data}, accuracy {self.accuracy:.4f}"


def _with_features(model: Any) -> Any:
    """The same network with two outputs, features and logits."""
    return keras.Model(model.inputs, [model.get_layer("features").output, model.outputs[0]])
