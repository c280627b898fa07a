"""Evaluation counts every example once, moves nothing, and has metrics of its own."""

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import MODES, Classifier, PointGan, identical, labelled, make, points

import gantape as gt
from gantape.errors import DataError, ShapeError, TaskError


@pytest.fixture(scope="module")
def loop():
    return gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"))


def reference(task: Classifier, data: gt.data.ArrayBatches) -> dict[str, float]:
    """Mean cross-entropy and accuracy, by NumPy from the logits."""
    inputs, labels = data.arrays
    logits = task.model(inputs, training=False).numpy().astype("float64")
    log_sums = np.log(np.exp(logits).sum(axis=1))
    loss = (log_sums - logits[np.arange(len(labels)), labels]).mean()
    return {"loss": loss, "accuracy": (logits.argmax(axis=1) == labels).mean()}


@settings(deadline=None, max_examples=15)
@given(batch_size=st.integers(1, 30))
def test_split_batches_equal_the_whole(loop, batch_size):
    data = attrs.evolve(labelled(examples=23), batch_size=batch_size)
    assert loop.evaluate(data) == pytest.approx(reference(loop.task, data), rel=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_evaluates_alike_and_moves_nothing(mode):
    task = make(Classifier)
    before = [array.copy() for array in task.model.get_weights()]
    data = labelled(examples=23)
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode))

    assert loop.evaluate(data) == pytest.approx(reference(task, data), rel=1e-5)
    assert loop.evaluate(data) == loop.evaluate(data)
    assert identical(task.model.get_weights(), before)
    assert float(task.metrics.result()["accuracy"]) == 0.0


def test_validation_does_not_disturb_training():
    with_validation, without = make(Classifier), make(Classifier)
    data = labelled(examples=16)
    gt.Loop(with_validation).run(data, validation=labelled(examples=7), epochs=3)
    gt.Loop(without).run(data, epochs=3)
    assert identical(with_validation.model.get_weights(), without.model.get_weights())


def test_evaluation_noise_is_a_pure_function_of_the_seed():
    class Noisy(PointGan):
        def evaluate(self, batch, rng):
            return gt.Losses({"level": tf.reduce_mean(rng.uniform("level", [3]))})

    task = make(Noisy)
    values = [gt.Loop(task, seed=seed).evaluate(points(8))["loss"] for seed in (1, 1, 2)]
    assert values[0] == values[1] != values[2]


def test_terms_are_evaluated_by_name():
    class TwoTerms(PointGan):
        def evaluate(self, batch, rng):
            return gt.Losses({"mean": tf.reduce_mean(batch), "square": tf.reduce_mean(batch**2)})

    data = points(examples=11)
    found = gt.Loop(make(TwoTerms)).evaluate(data)
    mean, square = data.arrays.mean(), np.square(data.arrays).mean()
    assert {name: found[name] for name in ("loss", "mean", "square")} == pytest.approx(
        {"loss": mean + square, "mean": mean, "square": square}, rel=1e-5
    )


def test_a_task_that_does_not_say_how_is_refused():
    with pytest.raises(TaskError, match=r"PointGan\.evaluate"):
        gt.Loop(make(PointGan)).evaluate(points())


def test_what_is_no_data_is_refused():
    with pytest.raises(DataError):
        gt.Loop(make(Classifier)).evaluate(np.zeros((4, 4)))
    with pytest.raises(DataError, match="nothing to evaluate"):
        empty = tf.data.Dataset.from_tensor_slices((np.zeros((1, 4), "float32"), [0])).batch(1)
        drained = attrs.evolve(gt.data.from_dataset(empty), dataset=empty.take(0))
        gt.Loop(make(Classifier)).evaluate(drained)


def test_metric_of_evaluation_is_another_object():
    task = make(Classifier)
    assert task.metrics is not task.evaluation_metrics
    assert task.metrics.names == task.evaluation_metrics.names
    assert not {id(v) for v in task.metrics.variables} & {id(v) for v in task.evaluation_metrics.variables}
    assert isinstance(task.metrics.variables[0], keras.Variable)


class Evaluated(PointGan):
    """Is evaluated by the loss of its training, and logs how many examples were generated."""

    by_shape: bool = False

    def evaluate(self, batch, rng):
        latents = self.latents(batch.shape[0] if self.by_shape else tf.shape(batch)[0], rng)
        made = self.generator(latents, training=False)
        scores = self.discriminator(made, training=False)
        counts = {"examples": tf.shape(batch)[0], "latents": tf.shape(scores)[0]}
        return gt.Losses(self.discriminator_loss(batch, rng).terms, logged=counts)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_an_evaluation_has_as_many_generated_examples_as_real_ones(mode):
    task = make(Evaluated)
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode), progress=False)
    for size in (4, 3, 5):  # a graph for batches of any size is made when it has seen two
        found = loop.evaluate(points(size, batch_size=size))
        assert found["examples"] == found["latents"] == size
        by_hand = gt.Loop(task, compiler=gt.StepCompiler("eager"), progress=False).evaluate(points(size, batch_size=size))
        assert found["loss"] == pytest.approx(by_hand["loss"], rel=1e-5)


def test_a_number_of_latents_that_is_not_known_is_an_error():
    loop = gt.Loop(make(Evaluated, by_shape=True), progress=False)
    with pytest.raises(ShapeError, match=r"tf\.shape\(batch\)\[0\]"):
        loop.evaluate(points(7, batch_size=4))
