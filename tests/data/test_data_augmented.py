"""Random changes in training only, as a function of seed and step; two sets without pairs, of any two sizes."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape.data import Position
from gantape.testing import assert_resumes_exactly

IMAGES = np.random.default_rng(0).random((12, 4, 4, 1)).astype(np.float32)
LABELS = np.arange(12, dtype=np.float32)[:, None]
PAIRS = gt.data.from_arrays((IMAGES, LABELS), batch_size=4)


class Pictures(gt.SupervisedTask):
    def build_model(self):
        return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.01)

    def build_loss(self):
        return keras.losses.MeanSquaredError()


def noisy(batch: Any, rng: gt.RandomStreams) -> Any:
    images, labels = batch
    return images + rng.normal("noise", tf.shape(images)), labels


def layer() -> keras.Sequential:
    return keras.Sequential([keras.layers.RandomFlip(), keras.layers.RandomTranslation(0.3, 0.3)])


@pytest.mark.parametrize("make", [lambda: noisy, layer], ids=["function", "layer"])
def test_modes_agree_and_evaluation_is_left_alone(make: Any) -> None:
    losses = {}
    for mode in ("eager", "graph"):
        keras.utils.set_random_seed(0)
        loop = gt.Loop(Pictures(), compiler=gt.StepCompiler(mode), progress=False, seed=3)
        plain = loop.evaluate(PAIRS)
        data = gt.data.augmented(PAIRS, make())
        assert loop.evaluate(data) == plain
        loop.run(data, epochs=2)
        losses[mode] = [row["loss"] for row in loop.history.rows]
    np.testing.assert_allclose(losses["eager"], losses["graph"], rtol=1e-5)
    keras.utils.set_random_seed(0)
    unchanged = gt.Loop(Pictures(), compiler=gt.StepCompiler("eager"), progress=False, seed=3).run(PAIRS, epochs=2)
    assert [row["loss"] for row in unchanged.rows] != losses["eager"]


@pytest.mark.parametrize("make", [lambda: noisy, layer], ids=["function", "layer"])
def test_a_run_resumes_bit_for_bit(make: Any) -> None:
    assert_resumes_exactly(
        Pictures,
        lambda: gt.data.augmented(PAIRS, make()),
        steps=7,
        stops=(2, 5),
        record=gt.every(steps=2),
        compiler=gt.StepCompiler("eager"),
    )


def test_wrong_augmentations_are_answered() -> None:
    for augment in ("flip", keras.layers.RandomFlip, None):
        with pytest.raises(gt.errors.DataError, match="a function or a Keras layer"):
            gt.data.augmented(PAIRS, augment)
    data = gt.data.augmented(PAIRS, lambda batch, rng: batch["images"])
    with pytest.raises(gt.errors.DataError, match="`augment` of the first batch"):
        gt.Loop(Pictures(), progress=False).run(data, steps=1)


# Two sets


def sets(first: int, second: int) -> gt.data.UnpairedBatches:
    numbers = [np.arange(size, dtype=np.float32)[:, None] for size in (first, second)]
    return gt.data.unpaired_sets(*(gt.data.from_arrays(part, batch_size=4) for part in numbers))


@pytest.mark.parametrize(("first", "second"), [(20, 9), (9, 20), (8, 8)])
def test_an_epoch_is_a_pass_over_the_larger_set_and_both_are_shuffled_on_their_own(first: int, second: int) -> None:
    data = sets(first, second)
    length = max(first, second) // 4
    assert data.batches_per_epoch == length
    reader, pairs = data.open(0, Position()), []
    for place in range(2 * length):
        stack = reader.read(1)
        assert stack.next == Position(*divmod(place + 1, length))
        pairs.append(stack.batch(0))
    for side, size in enumerate((first, second)):
        read = np.concatenate([pair[side] for pair in pairs]).ravel()
        for start in range(0, len(read) - size + 1, size // 4 * 4):
            whole = read[start : start + size // 4 * 4]
            assert len(set(whole)) == len(whole)  # a pass has no example twice
    again = data.open(0, Position(1, 1)).read(3)
    for place in range(again.count):
        for one, other in zip(again.batch(place), pairs[length + 1 + place], strict=True):
            np.testing.assert_array_equal(one, other)
    assert sum(len(one) for one, _ in data.examples_in_order()) == min(first, second)


class Halves(gt.Task):
    """Learns the mean of both sets, each with a weight of one half."""

    def build_mean(self) -> Any:
        return keras.Variable(0.0, name="mean")

    def build_optimizer(self) -> keras.Optimizer:
        return keras.optimizers.SGD(0.5)

    def updates(self) -> Any:
        return (gt.Update("mean", self.evaluate, [self.mean], self.optimizer),)

    def evaluate(self, batch: Any, rng: gt.RandomStreams) -> gt.Losses:
        one, other = batch
        return gt.Losses(
            {name: tf.reduce_mean((part - self.mean.value) ** 2) for name, part in (("one", one), ("other", other))}
        )


@pytest.mark.parametrize("mode", ["eager", "graph", "xla-loop"])
def test_sets_may_have_batches_of_different_sizes(mode: str) -> None:
    numbers = np.random.default_rng(0).normal(size=(50, 1)).astype("float32")
    both = gt.data.unpaired_sets(
        gt.data.from_arrays(numbers[:20], batch_size=4), gt.data.from_arrays(numbers[20:], batch_size=10)
    )
    assert both.batches_per_epoch == 5
    task, reader, expected = Halves(), both.open(0, Position()), 0.0
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode))
    loop.run(both, steps=7)
    for _ in range(7):
        one, other = reader.read(1).batch(0)
        assert (len(one), len(other)) == (4, 10)
        expected = float(np.mean(one) + np.mean(other)) - expected
    assert float(task.mean) == pytest.approx(expected, rel=1e-5)
    read = list(zip((numbers[:4], numbers[4:8], numbers[8:12]), np.split(numbers[20:], 3), strict=True))
    losses = [((one - expected) ** 2).mean() + ((other - expected) ** 2).mean() for one, other in read]
    assert loop.evaluate(both)["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert_resumes_exactly(lambda: Halves(), both, steps=7, stops=(3,), compiler=gt.StepCompiler(mode))


def test_both_sets_are_prepared_and_unknown_lengths_refused() -> None:
    bright = gt.data.from_arrays(np.full((8, 2), 255, np.uint8), batch_size=4, prepare=gt.data.scale_pixels())
    one, other = gt.data.unpaired_sets(bright, PAIRS).prepare((np.full((4, 2), 255, np.uint8), (IMAGES, LABELS)))
    assert float(tf.reduce_max(one)) == 1.0
    assert other[0] is IMAGES
    dataset = gt.data.from_dataset(tf.data.Dataset.range(8).batch(4))
    with pytest.raises(gt.errors.DataError, match="a known number"):
        gt.data.unpaired_sets(PAIRS, dataset)
