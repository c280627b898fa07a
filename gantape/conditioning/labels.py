"""Class labels as the condition of a GAN."""

import math
from typing import Any, ClassVar, final

import attrs
import keras
import tensorflow as tf

from gantape.conditioning.condition import Condition, Conditioning
from gantape.errors import DataError, RangeError
from gantape.losses import AuxiliaryClassifier
from gantape.random.rng import RandomStreams
from gantape.shapes import Latents, check_shape, describe, dtype_name
from gantape.steps.losses import Terms
from gantape.types import Batch, Tensor


@final
@attrs.frozen
class ClassLabels(Condition):
    """Class labels: a batch is `(examples, labels)`, and the generator is called with `[latents, labels]`.

    Without a classifier the discriminator is called with `[examples, labels]`; whether it embeds or projects the label is up
    to the network. With a classifier it is called with examples alone, and returns `[scores, logits]` (ACGAN).

    Args:
        classes: Number of classes.
        classifier: The loss term of the predicted class.

    References:
        Mirza and Osindero 2014, arXiv 1411.1784; Miyato and Koyama 2018, arXiv 1802.05637 (projection);
        Odena et al. 2017, arXiv 1610.09585 (ACGAN).
    """

    names: ClassVar[tuple[str, ...]] = ("labels",)
    classes: int = 10
    classifier: AuxiliaryClassifier | None = None

    def sample(self, count: int, batch: Batch | None, rng: RandomStreams) -> Conditioning:
        if batch is None:
            return rng.integers("labels", [count], self.classes)
        return tf.cast(batch[1], tf.int32)

    def for_grid(self, rows: int, columns: int, batch: Batch | None) -> Conditioning:
        return tf.range(rows * columns) % columns % self.classes

    def for_generator(self, latents: Latents, conditioning: Conditioning) -> Any:
        return [keras.ops.convert_to_tensor(latents), keras.ops.convert_to_tensor(conditioning)]

    def for_discriminator(self, examples: Tensor, conditioning: Conditioning) -> Any:
        return examples if self.classifier else [examples, conditioning]

    def grid_shape(self, count: int, batch: Batch | None) -> tuple[int, int]:
        return math.ceil(count / self.classes), self.classes

    def discriminator_terms(
        self, conditioning: Conditioning, real_auxiliary: tuple[Tensor, ...], fake_auxiliary: tuple[Tensor, ...]
    ) -> Terms:
        if self.classifier is None:
            return {}
        return {
            "real_class": self.classifier(conditioning, real_auxiliary[0]),
            "fake_class": self.classifier(conditioning, fake_auxiliary[0]),
        }

    def generator_terms(
        self, conditioning: Conditioning, real: Tensor, fake: Tensor, fake_auxiliary: tuple[Tensor, ...]
    ) -> Terms:
        return {"class": self.classifier(conditioning, fake_auxiliary[0])} if self.classifier else {}

    def check_batch(self, batch: Batch, where: str) -> None:
        """Check the labels of a batch.

        Raises:
            DataError: If there are none.
            ShapeError: If they do not have the axis `batch` alone.
            RangeError: If they are not class indices.
        """
        if not isinstance(batch, tuple | list) or len(batch) < 2:
            raise DataError(
                "a batch of a class-conditional task is a pair (examples, labels).",
                where=where,
                got=type(batch).__name__,
                do="load the data with its labels: gantape.data.mnist(batch_size=64, labels=True).",
            )
        labels: Any = batch[1]
        check_shape(labels, "batch", name="labels", where=where)
        low, high = int(tf.reduce_min(labels)), int(tf.reduce_max(labels))
        if "int" not in dtype_name(labels) or low < 0 or high >= self.classes:
            raise RangeError(
                f"labels are not integers from 0 to {self.classes - 1}.",
                where=where,
                got=f"{describe(labels)}, values from {low} to {high}",
                do="number the classes from 0, and pass their number to ClassLabels.",
            )
