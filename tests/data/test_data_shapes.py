"""Batches of several sizes and lengths are trained on as Keras' `fit` does, with few traces."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import PointGan

import gantape as gt
from gantape.data import Position
from gantape.testing import assert_resumes_exactly

RNG = np.random.default_rng(0)
SEQUENCES = [RNG.integers(1, 10, length).astype(np.int32) for length in RNG.integers(2, 9, 32)]
RAGGED = tf.ragged.constant([sequence.tolist() for sequence in SEQUENCES], dtype=tf.int32)
TARGETS = np.array([[sequence.mean()] for sequence in SEQUENCES], np.float32)
POINTS = RNG.normal(size=(63, 2)).astype(np.float32)


class Words(gt.SupervisedTask):
    def build_model(self):
        layers = keras.layers
        embedding = layers.Embedding(10, 4, mask_zero=True)
        return keras.Sequential(
            [keras.Input((None,), dtype="int32"), embedding, layers.GlobalAveragePooling1D(), layers.Dense(1)]
        )

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def build_loss(self):
        return keras.losses.MeanSquaredError()


class Line(Words):
    def build_model(self):
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])


def padded() -> tf.data.Dataset:
    """Batches padded to their own length."""
    return ragged().map(lambda words, targets: (words.to_tensor(), targets))


def ragged() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((RAGGED, TARGETS)).batch(8)


def dense(batch: Any) -> Any:
    words, targets = batch
    return words.to_tensor(), targets


def odd() -> tf.data.Dataset:
    """Batches of 3, 16, 16, 16 and 12."""
    points = tf.data.Dataset.from_tensor_slices((POINTS, POINTS[:, :1]))
    return points.take(3).batch(16).concatenate(points.skip(3).batch(16))


def fitted(task: gt.SupervisedTask, dataset: tf.data.Dataset, epochs: int) -> tuple[Any, float]:
    """The weights that Keras' `fit` ends with, from those of the task, and the loss that its `evaluate` gives."""
    model = keras.models.clone_model(task.model)
    model.set_weights(task.model.get_weights())
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(dataset, epochs=epochs, verbose=0, shuffle=False)
    return model.get_weights(), model.evaluate(dataset, verbose=0)


@pytest.mark.parametrize("kind", ["padded", "ragged", "odd"])
def test_weights_and_evaluation_are_those_of_fit(kind: str) -> None:
    task = Line() if kind == "odd" else Words()
    weights, loss = fitted(task, odd() if kind == "odd" else padded(), epochs=2)
    data = gt.data.from_dataset(ragged(), prepare=dense) if kind == "ragged" else gt.data.from_dataset(padded())
    data = gt.data.from_dataset(odd()) if kind == "odd" else data
    loop = gt.Loop(task, progress=False)
    loop.run(data, epochs=2)
    for found, expected in zip(task.model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(loop.evaluate(data)["loss"], loss, rtol=1e-4)
    assert loop.state.examples == 2 * (len(POINTS) if kind == "odd" else len(SEQUENCES))
    assert ("3 traces" if kind == "odd" else "1 trace,") in loop.explain()


def test_lengths_are_unknown_and_sizes_known_in_a_trace() -> None:
    stack = gt.data.from_dataset(padded()).open(0, Position()).read(9)
    assert [leaf.shape.as_list() for leaf in tf.nest.flatten(stack.spec)] == [[8, None], [8, 1]]
    stack = gt.data.from_dataset(ragged()).open(0, Position()).read(9)
    assert [leaf.shape.as_list() for leaf in tf.nest.flatten(stack.spec)] == [[8], [None], [8, 1]]


def test_a_read_ends_where_the_shape_changes() -> None:
    reader = gt.data.PeekableReader(gt.data.from_dataset(odd()).open(0, Position()))
    assert [reader.peek(9).count, reader.read(9).count, reader.peek(9).count, reader.read(2).count] == [1, 1, 3, 2]
    assert [(stack.count, stack.batch_size, stack.next) for stack in (reader.read(9), reader.read(9))] == [
        (1, 16, Position(0, 4)),
        (1, 12, Position(1, 0)),
    ]


@pytest.mark.parametrize("kind", ["padded", "ragged", "odd"])
def test_runs_resume_bit_for_bit(kind: str) -> None:
    def data() -> gt.data.Batches:
        if kind == "ragged":
            return gt.data.from_dataset(ragged().shuffle(9, seed=1), prepare=dense)
        return gt.data.from_dataset((odd() if kind == "odd" else padded()).shuffle(9, seed=1))

    make = Line if kind == "odd" else Words
    assert_resumes_exactly(make, data, steps=9, stops=(2, 6), record=gt.every(steps=4), compiler=gt.StepCompiler("eager"))


def test_a_step_of_several_batches_needs_one_shape() -> None:
    data = gt.data.from_dataset(odd().map(lambda points, _: points))
    with pytest.raises(gt.errors.DataError, match="the batches of one step differ in shape"):
        gt.Loop(PointGan(discriminator_updates=2), compiler=gt.StepCompiler("eager"), progress=False).run(data, epochs=1)


# Data without an end


def endless() -> gt.data.DatasetBatches:
    return gt.data.from_dataset(odd().repeat())


def test_what_would_never_end_is_refused_before_the_first_step() -> None:
    task = Line()
    callback = gt.callbacks.from_keras(keras.callbacks.EarlyStopping(monitor="loss", mode="min"), task.model)
    for use, kind in (
        (lambda: gt.Loop(task).run(endless(), epochs=1), gt.errors.DataError),
        (lambda: gt.Loop(task).evaluate(endless()), gt.errors.DataError),
        (lambda: gt.Loop(task).run(gt.data.from_dataset(odd()), validation=endless(), steps=1), gt.errors.DataError),
        (lambda: gt.Loop(task, callbacks=[*callback]).run(endless(), steps=1), gt.errors.ScheduleError),
    ):
        with pytest.raises(kind, match="batches_per_epoch"):
            use()
    assert int(task.optimizer.iterations.numpy()) == 0


def test_epochs_of_endless_data_go_on_where_the_last_ended() -> None:
    numbers = tf.data.Dataset.range(10).batch(2).repeat()
    data = gt.data.from_dataset(numbers, batches_per_epoch=3)
    reader, found = data.open(0, Position()), []
    for _ in range(5):
        stack = reader.read(2)
        found += stack.batches[:, 0].tolist()
    assert found == [0, 2, 4, 6, 8, 0, 2, 4]
    assert stack.next == Position(2, 2)
    assert data.open(0, Position(1, 1)).read(1).batches[0].tolist() == [8, 9]
    assert len(list(data.examples_in_order())) == 3
    with pytest.raises(gt.errors.DataError, match=r"dataset\.repeat"):
        short = gt.data.from_dataset(tf.data.Dataset.range(4).batch(2), batches_per_epoch=3).open(0, Position())
        [short.read(3) for _ in range(2)]


def test_a_dataset_that_loses_its_order_when_saved_is_refused() -> None:
    numbers = tf.data.Dataset.range(9)
    with pytest.raises(gt.errors.DataError, match="repeat before batching"):
        gt.data.from_dataset(numbers.shuffle(9, seed=0).batch(2).repeat()).check_resumable()
    gt.data.from_dataset(numbers.shuffle(9, seed=0).repeat().batch(2)).check_resumable()


def test_an_error_in_a_generator_is_one_of_data() -> None:
    def rows() -> Any:
        yield from POINTS[:5]
        raise ValueError("row 5 is broken")

    dataset = tf.data.Dataset.from_generator(rows, output_signature=tf.TensorSpec([2], tf.float32)).batch(2)
    reader = gt.data.from_dataset(dataset).open(0, Position())
    with pytest.raises(gt.errors.DataError, match="row 5 is broken"):
        reader.read(9)
