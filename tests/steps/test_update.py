"""An update moves its own variables and no others, with the gradient that NumPy computes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from regression import apply, linear, reference_gradient, squared_error
from tiny import PointGan, make, points

import gantape as gt
from gantape.errors import GantapeWarning, GradientError, LossError, TaskError
from gantape.steps.checks import check_updates
from gantape.steps.step import Step

layers = keras.layers


def test_gradient_step_and_norm_are_numpys(batch):
    model = linear()
    weights = model.get_weights()[0]
    update = gt.Update("model", squared_error(model), (model,), keras.optimizers.SGD(0.1))
    check_updates((update,), "a test")
    step = Step((update,), 0, lambda metrics: None, gradient_norms=True)

    report = step.run([tf.constant(batch)], tf.constant(0, tf.int64), ("model",))

    gradient = reference_gradient(weights, batch)
    np.testing.assert_allclose(model.get_weights()[0], weights - 0.1 * gradient, rtol=1e-5, atol=1e-6)
    assert float(report["gradient_norm"]) == pytest.approx(np.linalg.norm(gradient), rel=1e-5)


def test_gradient_norm_of_repeats_is_their_mean(batch):
    model = linear()
    weights = model.get_weights()[0]
    update = gt.Update("model", squared_error(model), (model,), keras.optimizers.SGD(0.1), repeats=2)
    check_updates((update,), "a test")
    other = 2.0 * batch[::-1]
    step = Step((update,), 0, lambda metrics: None, gradient_norms=True)

    report = step.run([tf.constant(batch), tf.constant(other)], tf.constant(0, tf.int64), ("model",))

    first = reference_gradient(weights, batch)
    second = reference_gradient(weights - 0.1 * first, other)
    expected = (np.linalg.norm(first) + np.linalg.norm(second)) / 2
    assert step.batches_per_step == step.updates_due(0) == 2
    assert float(report["gradient_norm"]) == pytest.approx(expected, rel=1e-5)


def test_only_named_variables_move(batch):
    moved, called = linear(), linear()
    before = called.get_weights()[0].copy()

    def loss(batch, rng):
        return gt.Losses({"gap": tf.reduce_mean(tf.square(moved(batch) - called(batch) + 1.0))})

    apply(gt.Update("one", loss, (moved.trainable_variables[0],), keras.optimizers.SGD(0.1)), batch)

    assert np.array_equal(called.get_weights()[0], before)
    assert not np.array_equal(moved.get_weights()[0], before)


@pytest.mark.parametrize(("moved", "still"), [("discriminator", "generator"), ("generator", "discriminator")])
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_adversaries_leave_each_others_weights_alone(moved, still, mode):
    class Half(PointGan):
        def updates(self):
            return tuple(update for update in super().updates() if update.name == moved)

    task = make(Half)
    before = {name: [array.copy() for array in getattr(task, name).get_weights()] for name in (moved, still)}

    gt.Loop(task, compiler=gt.StepCompiler(mode)).run(points(), steps=3)

    for array, expected in zip(getattr(task, still).get_weights(), before[still], strict=True):
        assert np.array_equal(array, expected)
    for array, expected in zip(getattr(task, moved).get_weights(), before[moved], strict=True):
        assert not np.array_equal(array, expected)


@pytest.mark.parametrize("decay", [0.5, 0.05])
def test_moving_average_is_numpys(decay):
    model, copy = linear(), linear()
    average = gt.ExponentialMovingAverage(model, copy, decay)
    expected = copy.get_weights()[0].astype("float64")

    for step in range(12):
        weights = np.random.default_rng(step).normal(size=(2, 1))
        model.set_weights([weights])
        average.follow(tf.constant(step, tf.int64))
        beta = min(decay, (1 + step) / (10 + step))
        expected = beta * expected + (1 - beta) * weights

    np.testing.assert_allclose(copy.get_weights()[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("decay", "warm_up", "beta"),
    [
        (0.9, False, lambda step: 0.9),
        (gt.losses.Ramp(0.5, 1.0, steps=10), False, lambda step: min(0.5 + 0.05 * step, 1.0)),
        (gt.losses.Ramp(0.0, 1.0, steps=10), True, lambda step: min(0.1 * step, (1 + step) / (10 + step))),
        (keras.optimizers.schedules.CosineDecay(0.5, 10), False, lambda step: 0.25 * (1 + np.cos(np.pi * min(step, 10) / 10))),
    ],
)
def test_a_teacher_follows_by_the_decay_that_is_given(decay, warm_up, beta):
    model, copy = linear(), linear()
    average = gt.ExponentialMovingAverage(model, copy, decay, warm_up=warm_up)
    expected = copy.get_weights()[0].astype("float64")

    for step in range(12):
        weights = np.random.default_rng(step).normal(size=(2, 1))
        model.set_weights([weights])
        average.follow(tf.constant(step, tf.int64))
        expected = beta(step) * expected + (1 - beta(step)) * weights

    np.testing.assert_allclose(copy.get_weights()[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"decay": 1.5}, {"decay": -0.1}, {"decay": "0.9"}, {"half_life": -1.0}])
def test_a_decay_that_is_not_possible_is_refused(wrong):
    with pytest.raises(gt.errors.HyperparameterError, match="from 0 to 1"):
        gt.ExponentialMovingAverage(linear(), linear(), **wrong)


def test_moving_average_takes_statistics_of_batch_norm_too():
    def model():
        return keras.Sequential([keras.Input((2,)), layers.BatchNormalization()])

    source, copy = model(), model()
    source.layers[0].moving_mean.assign([4.0, 8.0])

    gt.ExponentialMovingAverage(source, copy, 0.999).follow(tf.constant(0, tf.int64))

    np.testing.assert_allclose(copy.layers[0].moving_mean.numpy(), [3.6, 7.2], rtol=1e-6)


def test_added_losses_enter_once_as_a_term(batch):
    class Added(layers.Layer):
        def call(self, inputs):
            self.add_loss(tf.reduce_sum(inputs))
            return inputs

    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, use_bias=False), Added()])
    update = gt.Update("model", squared_error(model), (model,), keras.optimizers.SGD(0.1))

    losses = update.losses(tf.constant(batch), gt.RandomStreams(0))

    assert list(losses.report()) == ["loss", "error", "added"]
    outputs = batch @ model.get_weights()[0]
    assert float(losses.added) == pytest.approx(float(outputs.sum()), rel=1e-4)
    assert float(losses.total) == pytest.approx(float(losses.terms["error"]) + float(losses.added))


def test_a_variable_without_gradient_is_named(batch):
    called, other = linear(), linear()
    update = gt.Update("pair", squared_error(called), (called, other), keras.optimizers.SGD(0.1))
    before = called.get_weights()[0].copy()
    with pytest.raises(GradientError) as caught:
        apply(update, batch)
    assert other.trainable_variables[0].path in caught.value.got
    assert called.trainable_variables[0].path not in caught.value.got
    assert 'Update "pair"' in caught.value.where
    assert np.array_equal(called.get_weights()[0], before)


def test_a_loss_that_returns_no_losses_is_refused(batch):
    model = linear()
    update = gt.Update("model", lambda batch, rng: tf.reduce_mean(model(batch)), (model,), keras.optimizers.SGD(0.1))
    with pytest.raises(LossError, match="gantape.Losses"):
        apply(update, batch)


def unusable_updates():
    model, unbuilt, frozen = linear(), keras.Sequential([layers.Dense(1)]), linear(trainable=False)
    optimizer = keras.optimizers.SGD(0.1)

    def update(name="a", variables=(model,), optimizer=optimizer, **options):
        return gt.Update(name, squared_error(model), variables, optimizer, **options)

    foreign = keras.optimizers.SGD(0.1)
    foreign.build(linear().trainable_variables)
    return {
        "none": ((), "at least one update"),
        "not updates": (("a",), "at least one update"),
        "not a tuple": (update(), "at least one update"),
        "shared name": ((update(), update(optimizer=keras.optimizers.SGD(0.1))), "share one name"),
        "shared optimizer": ((update(), update("b")), "share one optimizer"),
        "class for optimizer": ((update(optimizer=keras.optimizers.SGD),), "not an optimizer"),
        "string for optimizer": ((update(optimizer="sgd"),), "not an optimizer"),
        "unbuilt model": ((update(variables=(unbuilt,)),), "no weights yet"),
        "nothing to move": ((update(variables=(frozen,)),), "nothing to move"),
        "optimizer of another model": ((update(optimizer=foreign),), "made for other variables"),
        "no repeats": ((update(repeats=0),), "repeats"),
        "half an interval": ((update(every=1.5),), "every"),
    }


@pytest.mark.parametrize("case", unusable_updates())
def test_updates_that_cannot_be_trained_are_refused(case):
    updates, words = unusable_updates()[case]
    with pytest.raises(TaskError, match=words) as caught:
        check_updates(updates, "MyTask")
    assert "MyTask.updates" in caught.value.where


class TrainsItself(keras.Model):
    """A model with a training step of its own."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, data):
        return {}


def test_a_training_step_of_a_model_is_said_not_to_be_called():
    model = TrainsItself()
    model(np.zeros((1, 2), "float32"))
    with pytest.warns(GantapeWarning, match="train_step"):
        check_updates((gt.Update("own", squared_error(model), (model,), keras.optimizers.SGD(0.1)),), "MyTask")


def test_due_updates_follow_their_intervals():
    models = [linear(), linear()]
    updates = tuple(
        gt.Update(name, squared_error(model), (model,), keras.optimizers.SGD(0.1), every=every, repeats=repeats)
        for name, model, every, repeats in (("often", models[0], 1, 2), ("seldom", models[1], 3, 1))
    )
    step = Step(updates, 0, lambda metrics: None)
    assert [step.due(number) for number in range(4)] == [("often", "seldom"), ("often",), ("often",), ("often", "seldom")]
    assert [step.updates_due(number) for number in range(4)] == [3, 2, 2, 3]


@pytest.mark.parametrize("half_life", [1e3, 1e6, 1e9])
def test_a_slow_average_moves_by_its_share(half_life):
    """The share 1 - β of a β close to 1 would lose its digits in float32."""
    source, copy = linear(), linear()
    source.set_weights([np.ones_like(array) for array in source.get_weights()])
    copy.set_weights([np.zeros_like(array) for array in copy.get_weights()])
    gt.ExponentialMovingAverage(source, copy, half_life=half_life).follow(tf.constant(10**12, tf.int64), examples=4)
    np.testing.assert_allclose(copy.get_weights()[0], -np.expm1(-4.0 / half_life * np.log(2.0)), rtol=1e-5)
