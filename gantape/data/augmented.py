"""Random changes of training data that are not applied in evaluation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape._tensorflow import with_autograph
from gantape.data.batches import Batches, BatchStack, Position, Reader
from gantape.errors import DataError
from gantape.random.rng import RandomStreams
from gantape.types import Batch

Augment = Callable[[Batch, RandomStreams], Batch]


@attrs.frozen(eq=False)
class AugmentedBatches(Batches):
    """Batches that are changed at random in training. Made by `gantape.data.augmented`."""

    data: Batches
    augment: Augment

    @property
    def batch_size(self) -> int:
        return self.data.batch_size

    @property
    def batches_per_epoch(self) -> int | None:
        return self.data.batches_per_epoch

    @property
    def endless(self) -> bool | None:
        return self.data.endless

    @property
    def online(self) -> bool:
        return self.data.online

    @property
    def prepare(self) -> Callable[[Batch], Batch]:
        return self.data.prepare

    def open(self, seed: int, position: Position) -> Reader:
        return _AugmentedReader(self.data.open(seed, position), _Seeded(self.augment, seed))

    def rows(self, seed: int, position: Position, count: int) -> list[int] | None:
        return self.data.rows(seed, position, count)

    def check_resumable(self) -> None:
        self.data.check_resumable()

    def examples_in_order(self) -> Iterator[Batch]:
        return self.data.examples_in_order()

    def describe(self) -> dict[str, Any]:
        return {**self.data.describe(), "augmented": True}


@attrs.frozen
class _Seeded:
    augment: Augment
    seed: int

    def __call__(self, batch: Batch, step: Any, place: int) -> Batch:
        return with_autograph(self.augment)(batch, RandomStreams(self.seed, step).stream("augmented", place))


@attrs.frozen(eq=False)
class _AugmentedReader(Reader):
    reader: Reader
    augment: _Seeded

    def read(self, count: int) -> BatchStack:
        return attrs.evolve(self.reader.read(count), augment=self.augment)

    def save(self, prefix: Path, shown: Sequence[BatchStack] = ()) -> dict[str, Any]:
        return self.reader.save(prefix, shown)

    def restore(self, prefix: Path, facts: Mapping[str, Any]) -> None:
        self.reader.restore(prefix, facts)


@attrs.frozen(eq=False)
class _WithLayer:
    """Applies a Keras layer to the inputs of a batch, its random numbers drawn from the run's."""

    layer: Any

    def __call__(self, batch: Batch, rng: RandomStreams) -> Batch:
        inputs, *others = batch if isinstance(batch, tuple) else (batch,)
        layer = self.layer
        if not layer.built:
            with tf.init_scope():
                layer.build(inputs.shape)
        states = [
            tf.cast(rng.bits(str(place), variable.shape), variable.dtype)
            if variable.path.endswith("seed_generator_state")
            else variable.value
            for place, variable in enumerate(layer.non_trainable_variables)
        ]
        trainable = [variable.value for variable in layer.trainable_variables]
        changed, _ = layer.stateless_call(trainable, states, inputs, training=True)
        return (changed, *others) if isinstance(batch, tuple) else changed


def augmented(data: Batches, augment: Augment | Any) -> AugmentedBatches:
    """Batches that are changed at random in training and left as they are in evaluation.

    The change runs inside the graph, after `prepare`. It is a pure function of the run's seed and the step, so that a resumed
    run makes the same changes.

    ```python
    def flip(batch, rng):
        images, labels = batch
        flipped = rng.uniform("flip", [tf.shape(images)[0], 1, 1, 1]) < 0.5
        return tf.where(flipped, images[:, :, ::-1], images), labels

    train = gt.data.augmented(gt.data.mnist(batch_size=64), flip)
    ```

    Args:
        data: The batches.
        augment: A function of a batch and the step's random streams that returns a batch; or a Keras layer, such as
            `keras.layers.RandomFlip()` or a `keras.Sequential` of such layers, which is applied to the first tensor of a tuple.

    Returns:
        Batches with the structure of `data`.

    Raises:
        DataError: If `data` is not a source of batches, or `augment` can do neither.
    """
    if isinstance(data, Batches) and isinstance(augment, keras.Layer):
        return AugmentedBatches(data, _WithLayer(augment))
    if not isinstance(data, Batches) or not callable(augment) or isinstance(augment, type):
        raise DataError(
            "batches are augmented by a function or a Keras layer.",
            where="gantape.data.augmented",
            got=f"data {type(data).__name__}, augment {augment!r}",
            do="give a source of batches, and a function of (batch, rng) or a layer such as keras.layers.RandomFlip().",
        )
    return AugmentedBatches(data, augment)
