"""Batches from any `tf.data.Dataset`: where it ends, an epoch ends."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import gantape as gt
from gantape.data import Position


def source_of(examples: int, size: int) -> gt.data.DatasetBatches:
    return gt.data.from_dataset(tf.data.Dataset.range(examples).batch(size), name="numbers")


@pytest.mark.parametrize(("examples", "size"), [(12, 4), (10, 4), (3, 1), (5, 5)])
def test_any_reads_from_any_position_give_whole_batches_epoch_after_epoch(examples: int, size: int) -> None:
    source, whole = source_of(examples, size), examples // size
    epoch = np.arange(whole * size).reshape(whole, size)

    @given(done=st.integers(0, 7), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6))
    def law(done: int, sizes: list[int]) -> None:
        reader, read = source.open(0, Position(*divmod(done, whole))), done
        for count in sizes:
            stack = reader.read(count)
            np.testing.assert_array_equal(stack.batches, epoch[read % whole : read % whole + stack.count])
            assert stack.count == min(count, whole - read % whole)
            read += stack.count
            assert (stack.next.epoch, stack.next.batch) == divmod(read, whole)

    law()


def test_in_order_the_partial_batch_is_kept() -> None:
    assert [batch.tolist() for batch in source_of(10, 4).examples_in_order()] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_dataset_without_end_is_one_epoch() -> None:
    source = gt.data.from_dataset(tf.data.Dataset.range(4).batch(2).repeat())
    reader = source.open(0, Position())
    stacks = [reader.read(3) for _ in range(4)]
    assert [stack.next for stack in stacks] == [Position(0, 3), Position(0, 6), Position(0, 9), Position(0, 12)]
    assert source.batches_per_epoch is None


def test_structure_and_types_are_kept() -> None:
    batches = {"image": np.zeros((6, 2, 2), np.uint8), "label": np.arange(6, dtype=np.int32)}
    source = gt.data.from_dataset(tf.data.Dataset.from_tensor_slices(batches).batch(2), prepare=gt.data.scale_pixels())
    stack = source.open(0, Position()).read(3)
    assert {name: (leaf.shape, leaf.dtype) for name, leaf in stack.batches.items()} == {
        "image": ((3, 2, 2, 2), np.uint8),
        "label": ((3, 2), np.int32),
    }
    assert stack.prepare is source.prepare
    assert source.describe()["name"] == "tf.data"
    assert source.describe()["batch_size"] == source.batch_size == 2


def generated(batches: Iterator[Any], shape: list[int | None]) -> tf.data.Dataset:
    return tf.data.Dataset.from_generator(lambda: batches, output_signature=tf.TensorSpec(shape, tf.float32))


def test_a_dataset_that_can_be_read_once_only_is_refused_at_its_second_epoch() -> None:
    source = gt.data.from_dataset(generated(iter([np.zeros(2, np.float32)] * 3), [None]), name="stream")
    reader = source.open(0, Position())
    assert reader.read(9).count == 2  # the first one told the size
    with pytest.raises(gt.errors.DataError, match="stream, epoch 1\n  got:    no batch of 2 examples"):
        reader.read(1)


@pytest.mark.parametrize(
    ("dataset", "what"),
    [
        (np.zeros(3), "this is not a tf.data.Dataset."),
        ("images", "this is not a tf.data.Dataset."),
        (tf.data.Dataset.range(3), "the elements of the dataset are not batches."),
        (tf.data.Dataset.from_tensors(tf.sparse.eye(3)), "the elements of the dataset are not batches."),
        (tf.data.Dataset.from_tensors((np.zeros(3), np.zeros(2))), "the tensors of a batch do not have as many examples."),
        (tf.data.Dataset.from_tensors(((np.zeros(3), np.zeros(2)), np.zeros(2))), "the tensors of a batch do not have as many"),
        (tf.data.Dataset.range(3).map(lambda n: tf.zeros([n])).batch(2), "the first batch of the dataset cannot be read."),
        (tf.data.Dataset.range(0).batch(2), "the dataset is empty."),
    ],
    ids=["array", "string", "not batched", "sparse", "numbers differ", "numbers in a set differ", "sizes differ", "empty"],
)
def test_what_is_no_dataset_of_batches_is_refused(dataset: Any, what: str) -> None:
    with pytest.raises(gt.errors.DataError) as caught:
        gt.data.from_dataset(dataset)
    assert caught.value.where == "gantape.data.from_dataset, argument `dataset`"
    assert caught.value.what.startswith(what)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_texts_are_read_in_stacks_that_are_not_full(mode: str) -> None:
    class Words(gt.SupervisedTask):
        def build_model(self) -> keras.Model:
            inputs = keras.Input((1,), dtype="string")
            ids = keras.layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="one_hot")(inputs)
            return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(ids))

        def build_optimizer(self) -> keras.Optimizer:
            return keras.optimizers.SGD(0.1)

        def build_loss(self) -> keras.losses.Loss:
            return keras.losses.MeanSquaredError()

    words = np.array([["a"], ["b"], ["c"], ["d"], ["a"], ["b"]])
    numbers = np.arange(6, dtype="float32")[:, None]
    dataset = tf.data.Dataset.from_tensor_slices((words, numbers)).batch(2)
    task, reference = Words(), Words().model
    reference.compile(keras.optimizers.SGD(0.1), "mse")
    fitted = reference.fit(dataset, shuffle=False, verbose=0).history["loss"][0]
    assert gt.Loop(task, compiler=gt.StepCompiler(mode)).run(gt.data.from_dataset(dataset), epochs=1).last()[
        "loss"
    ] == pytest.approx(fitted, rel=1e-6)
    np.testing.assert_allclose(task.model.get_weights()[0], reference.get_weights()[0], rtol=1e-6)


def test_sets_of_a_zip_may_have_batches_of_different_sizes() -> None:
    """Also in a dict; the last batches of an epoch are left out if that of any set is smaller."""
    numbers = np.arange(20, dtype="float32")
    labelled = tf.data.Dataset.from_tensor_slices((numbers[:8], numbers[:8])).batch(2)
    unlabelled = tf.data.Dataset.from_tensor_slices(numbers).batch(6)
    for sets in (((labelled, unlabelled)), {"labelled": labelled, "unlabelled": unlabelled}):
        source = gt.data.from_dataset(tf.data.Dataset.zip(sets))
        assert source.batch_size == 2
        stack = source.open(0, Position()).read(9)
        assert [leaf.shape for leaf in tf.nest.flatten(stack.batches)] == [(3, 2), (3, 2), (3, 6)]
        assert stack.ends_epoch
