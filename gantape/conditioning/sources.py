"""Source images as the condition of a GAN that translates images."""

import math
from typing import Any, ClassVar, final

import attrs
import keras
import tensorflow as tf

from gantape.conditioning.condition import Condition, Conditioning
from gantape.errors import DataError, TaskError
from gantape.random.rng import RandomStreams
from gantape.shapes import Latents, check_shape
from gantape.steps.losses import Terms
from gantape.types import Batch, Tensor


@final
@attrs.frozen
class SourceImages(Condition):
    """Image to image: a batch is `(targets, sources)`, and the generator is called with the sources alone (pix2pix).

    The discriminator is called with `[images, sources]`. The term λ · mean |fake - target| is added to the generator's loss. A
    grid of samples shows rows of sources, translations and targets.

    Args:
        shape: Height, width and channels of a source.
        weight: λ.

    References:
        Isola et al. 2017, arXiv 1611.07004, equation 4.
    """

    names: ClassVar[tuple[str, ...]] = ("sources",)
    shape: tuple[int, int, int] = (28, 28, 1)
    weight: float = 100.0

    def grid_shape(self, count: int, batch: Batch | None) -> tuple[int, int]:
        """Rows and columns of a grid of at most as many examples as there are sources."""
        shown = count if batch is None else min(count, len(batch[1]))
        columns = math.ceil(math.sqrt(shown))
        return math.ceil(shown / columns), columns

    def sample(self, count: int, batch: Batch | None, rng: RandomStreams) -> Conditioning:
        if batch is None:
            raise TaskError(
                "a translation needs images to translate.",
                where="gantape.conditioning.SourceImages",
                got="no batch",
                do="pass a batch (targets, sources).",
            )
        return batch[1]

    def for_grid(self, rows: int, columns: int, batch: Batch | None) -> Conditioning:
        if batch is None:
            return tf.zeros([rows * columns, *self.shape])
        return tf.gather(batch[1], self._places(rows * columns, batch))

    def for_generator(self, latents: Latents, conditioning: Conditioning) -> Any:
        return conditioning

    def for_discriminator(self, examples: Tensor, conditioning: Conditioning) -> Any:
        return [examples, keras.ops.cast(conditioning, examples.dtype)]

    def add_context(self, images: Tensor, batch: Batch | None) -> Tensor:
        if batch is None:
            return images
        rows, columns = images.shape[:2]
        targets, sources = (tf.gather(part, self._places(rows * columns, batch)) for part in batch[:2])
        shape = (rows, columns, *self.shape)
        stacked = tf.stack([tf.reshape(sources, shape), images, tf.reshape(targets, images.shape)], axis=1)
        return tf.reshape(stacked, (3 * rows, columns, *self.shape))

    def generator_terms(
        self, conditioning: Conditioning, real: Tensor, fake: Tensor, fake_auxiliary: tuple[Tensor, ...]
    ) -> Terms:
        return {"distance": self.weight * tf.reduce_mean(tf.abs(fake - real))}

    def check_batch(self, batch: Batch, where: str) -> None:
        """Check the sources of a batch.

        Raises:
            DataError: If there are none.
            ShapeError: If they do not have the shape `shape`.
        """
        if not isinstance(batch, tuple | list) or len(batch) < 2:
            raise DataError(
                "a batch of a translation is a pair (targets, sources).",
                where=where,
                got=type(batch).__name__,
                do="pair the images: gantape.data.with_outlines(gantape.data.digits(batch_size=16)) does it for digits.",
            )
        check_shape(batch[1], " ".join(["batch", *map(str, self.shape)]), name="sources", where=where)

    def _places(self, count: int, batch: Batch) -> Tensor:
        return tf.range(count) % len(batch[0])
