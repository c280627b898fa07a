"""`inspect`: what it says about a task is what a tape says, and it leaves everything as it was."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import BatchNormGan, Classifier, PointGan, identical, labelled, make, points, weights

import gantape as gt
from gantape.errors import DataError, HyperparameterError, LossError, TaskError

layers = keras.layers


def batch_of_points():
    return tf.constant(np.random.default_rng(1).normal(size=(8, 2)).astype("float32"))


@pytest.fixture(scope="module")
def seen():
    return gt.inspect(make(PointGan, penalised=True), batch_of_points())


def test_norms_are_those_of_a_tape_by_hand(seen):
    task, batch = make(PointGan, penalised=True), batch_of_points()
    discriminator, generator = task.updates()
    rng = gt.RandomStreams(0)
    with tf.GradientTape(persistent=True) as tape:
        losses = discriminator.loss(batch, rng.stream("discriminator", 0))
        of_generator = generator.loss(batch, rng.stream("generator", 0)).total
    for name, term in losses.terms.items():
        for network in ("generator", "discriminator"):
            found = tape.gradient(term, [variable.value for variable in getattr(task, network).trainable_variables])
            expected = None if found[0] is None else float(tf.linalg.global_norm(found))
            value = seen["discriminator"].norms[name][network]
            assert (value is None) == (expected is None)
            assert expected is None or value == pytest.approx(expected, rel=1e-4, abs=1e-6)
    found = tape.gradient(of_generator, [variable.value for variable in task.generator.trainable_variables])
    by_layer = [float(tf.linalg.global_norm(found[place : place + 2])) for place in (0, 2)]
    assert list(seen["generator"].layers["generator"].values()) == pytest.approx(by_layer, rel=1e-4)
    assert seen["discriminator"].terms == pytest.approx({name: float(term) for name, term in losses.terms.items()}, rel=1e-4)


def test_calls_say_who_is_fed_by_whom_and_who_moves(seen):
    first, second = seen["discriminator"].calls, seen["generator"].calls
    assert [(call.network, call.of, call.role) for call in first] == [
        ("generator", ("noise",), "constant"),
        ("discriminator", ("batch",), "moved"),
        ("discriminator", ("#0",), "moved"),
        ("discriminator", ("batch", "#0", "noise"), "moved"),
    ]
    assert [(call.network, call.of, call.role) for call in second] == [
        ("generator", ("noise",), "moved"),
        ("discriminator", ("#0",), "passed"),
    ]
    assert all(call.training is True for call in (*first, *second))
    assert seen["discriminator"].sources["real"] == ("#1",)
    assert not seen.all_findings


def test_bytes_that_a_tape_keeps_of_a_dense_layer_are_counted():
    class Linear(gt.SupervisedTask):
        def build_model(self):
            hidden = layers.Dense(6, use_bias=False, activation="tanh")
            return keras.Sequential([keras.Input((4,)), hidden, layers.Dense(3, use_bias=False)])

        def build_optimizer(self):
            return keras.optimizers.SGD(0.1)

        def build_loss(self):
            return lambda targets, outputs: tf.reduce_mean(outputs)

    kept = gt.inspect(Linear(), (np.ones((8, 4), "float32"), np.zeros(8, "float32")))["model"].kept_bytes
    assert kept["model"] == 8 * 6 * 4  # the hidden activations; the inputs are the batch's own


def test_a_source_of_batches_gives_its_first_batch():
    task, data = make(Classifier), labelled()
    stack = data.open(0, gt.data.Position()).read(1)
    by_source, by_batch = gt.inspect(task, data), gt.inspect(task, data.prepare(stack.batch(0)))
    assert by_source["model"].norms == by_batch["model"].norms


@pytest.mark.parametrize("task_class", [Classifier, BatchNormGan])
def test_everything_is_as_before(task_class):
    task = make(task_class)
    before, state, numbers = weights(task), random.getstate(), np.random.get_state()[1].copy()
    called = keras.layers.Layer.__call__
    gt.inspect(task, labelled() if task_class is Classifier else points())
    assert identical(before, weights(task))
    assert keras.layers.Layer.__call__ is called
    assert random.getstate() == state
    assert np.array_equal(np.random.get_state()[1], numbers)


def test_everything_is_as_before_after_an_error():
    class Failing(BatchNormGan):
        def generator_loss(self, batch, rng):
            return super().generator_loss(batch, rng).terms

    task = make(Failing)
    before, called = weights(task), keras.layers.Layer.__call__
    with pytest.raises(LossError):
        gt.inspect(task, points())
    assert identical(before, weights(task))
    assert keras.layers.Layer.__call__ is called


def test_a_generator_that_shares_its_examples_is_called_once():
    seen = gt.inspect(make(PointGan, shared_examples=True), points())
    assert [call.network for call in seen["generator"].calls] == ["discriminator"]
    assert seen["generator"].norms["adversarial"]["generator"] > 0
    assert not seen.all_findings


def test_a_training_goes_on_as_if_nobody_had_looked():
    histories = []
    for look in (False, True):
        task = make(BatchNormGan)
        if look:
            gt.inspect(task, points())
        histories.append(gt.Loop(task, progress=False).run(points(), steps=4).values("generator/loss"))
    assert histories[0] == histories[1]


def test_text_names_updates_terms_and_norms(seen):
    text = str(seen)
    assert 'update "discriminator"  moves discriminator' in text
    assert "* would flow there" in text
    assert f"{seen['generator'].terms['adversarial']:.4g}" in text
    assert text.endswith("no findings")


def test_what_is_no_task_and_what_is_no_update_is_refused(seen):
    with pytest.raises(TaskError, match="not a task"):
        gt.inspect(PointGan, points())
    with pytest.raises(HyperparameterError, match="discriminator, generator"):
        seen["critic"]


@pytest.mark.parametrize("batch", [tf.data.Dataset.range(4).batch(2), None, object()], ids=["dataset", "none", "object"])
def test_what_is_no_batch_is_refused(batch):
    with pytest.raises(DataError, match="from_dataset"):
        gt.inspect(make(Classifier), batch)
