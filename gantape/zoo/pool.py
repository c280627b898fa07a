"""A pool of earlier generated images for the discriminator."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from gantape.errors import ShapeError, counted
from gantape.random.rng import RandomStreams
from gantape.shapes import Images, sizes_of
from gantape.types import Variable


class ImagePool:
    """Returns each image or, with probability ½, an earlier one, which the new image replaces.

    Until it is full, it stores and returns every image. It is held in variables: as a part of a task, it is saved with the
    run, and behaves the same in every mode.

    Args:
        size: Number of images that it holds.
        shape: Height, width and channels of an image.

    References:
        Shrivastava et al. 2017, arXiv 1612.07828, section 2.3; Zhu et al. 2017, arXiv 1703.10593, with 50 images.
    """

    def __init__(self, size: int = 50, shape: tuple[int, int, int] = (28, 28, 1)) -> None:
        self.size = size
        self._images: Any = keras.Variable(tf.zeros([size, *shape]), trainable=False, name="image_pool")
        self._count: Any = keras.Variable(0, dtype="int32", trainable=False, name="images_in_pool")

    @property
    def variables(self) -> Sequence[Variable]:
        """The images and their number."""
        return (self._images, self._count)

    def exchange(self, fresh: Images, rng: RandomStreams) -> Images:
        """Put images into the pool, and take as many out.

        Args:
            fresh: Shape `batch height width channels`, no more images than the pool holds.
            rng: Random streams.

        Raises:
            ShapeError: If there are more images than the pool holds.
        """
        count = sizes_of(fresh)[0]
        if isinstance(count, int) and count > self.size:
            raise ShapeError(
                "a batch is larger than the pool.",
                where="gantape.zoo.ImagePool.exchange",
                got=f"{counted(count, 'image')}, {counted(self.size, 'place')}",
                do=f"make the batch smaller, or the pool at least {count} large.",
            )
        images, filled = self._images.value, self._count.value
        fresh = tf.cast(fresh, images.dtype)
        filling, next_places = filled < self.size, filled + tf.range(count)
        # Places in random order, each at most once: every image of the batch has its own place.
        shuffled = tf.argsort(rng.uniform("places", [self.size]))[:count]
        places = tf.where(filling, next_places % self.size, shuffled)
        old = tf.logical_and(tf.less(rng.uniform("old", [count]), 0.5), tf.logical_not(filling))
        kept = tf.where(filling, next_places < self.size, old)[:, None, None, None]
        stored = tf.gather(images, places)
        self._images.assign(tf.tensor_scatter_nd_update(images, places[:, None], tf.where(kept, fresh, stored)))
        self._count.assign(tf.minimum(filled + count, self.size))
        return tf.where(old[:, None, None, None], stored, fresh)
