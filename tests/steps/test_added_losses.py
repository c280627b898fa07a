"""Losses that layers add: each of every call counts, each regularised weight once, in training and in evaluation."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import MODES

import gantape as gt

layers = keras.layers
BATCH = np.random.default_rng(0).normal(size=(8, 4)).astype("float32") + 1.0


class Squares(layers.Layer):
    """Adds the mean square of its inputs."""

    def call(self, inputs):
        self.add_loss(tf.reduce_mean(inputs**2))
        return inputs


def trunk() -> keras.Model:
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1))(Squares()(inputs)))


def headed(shared: keras.Model) -> keras.Model:
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(1, bias_regularizer="l1")(shared(inputs)))


def penalty(model: keras.Model) -> float:
    return 0.1 * float(np.square(model.layers[-1].get_weights()[0]).sum())


def update_of(models, loss):
    return gt.Update("one", loss, models, keras.optimizers.SGD(0.1))


@settings(deadline=None, max_examples=12)
@given(scales=st.lists(st.floats(0.5, 2.0, width=32), min_size=0, max_size=4), parts=st.permutations(range(3)))
def test_the_losses_of_all_calls_are_added_and_each_weight_counts_once(scales, parts):
    shared = trunk()
    models = [(shared, headed(shared), headed(shared))[part] for part in parts]

    def loss(batch, rng):
        for place, scale in enumerate(scales):
            models[place % 3](scale * batch)
        return gt.Losses({"error": tf.constant(1.0)})

    found = update_of(models, loss).losses(tf.constant(BATCH), gt.RandomStreams(0))
    expected = penalty(shared) + sum(np.mean((scale * BATCH) ** 2) for scale in scales)
    assert float(found.added) == pytest.approx(expected, rel=1e-5)
    assert float(found.total) == pytest.approx(1.0 + expected, rel=1e-5)


def test_the_gradient_is_that_of_all_calls():
    model = trunk()
    first = layers.Dense(4, use_bias=False)
    inputs = keras.Input((4,))
    whole = keras.Model(inputs, model(first(inputs)))

    def loss(batch, rng):
        whole(batch), whole(2.0 * batch)
        return gt.Losses({"error": 0.0 * tf.add_n([tf.reduce_sum(weight) for weight in whole.trainable_variables])})

    update = update_of([whole], loss)
    _, gradients = update.gradients(tf.constant(BATCH), gt.RandomStreams(0))
    with tf.GradientTape() as tape:
        called = BATCH @ first.kernel.value
        total = 5.0 * tf.reduce_mean(called**2)
    np.testing.assert_allclose(gradients[0], tape.gradient(total, first.kernel.value), rtol=1e-4)


def test_losses_of_models_that_the_update_does_not_move_do_not_enter():
    moved, other = trunk(), trunk()

    def loss(batch, rng):
        return gt.Losses({"error": tf.reduce_mean(moved(batch)) + tf.reduce_mean(other(3.0 * batch))})

    found = update_of([moved], loss).losses(tf.constant(BATCH), gt.RandomStreams(0))
    assert float(found.added) == pytest.approx(penalty(moved) + np.mean(BATCH**2), rel=1e-5)


def test_a_model_without_such_losses_adds_none():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    found = update_of([model], lambda batch, rng: gt.Losses({"error": tf.reduce_mean(model(batch))}))
    assert list(found.losses(tf.constant(BATCH), gt.RandomStreams(0)).report()) == ["loss"]


def test_a_frozen_layer_is_not_penalised_and_a_vector_is_summed():
    class Rows(layers.Layer):
        def call(self, inputs):
            self.add_loss(tf.cast(tf.reduce_sum(inputs, axis=-1), tf.float16))
            self.add_loss(tf.constant(2))
            return inputs

    model = keras.Sequential([keras.Input((4,)), Rows(), layers.Dense(1), layers.Dense(2, kernel_regularizer="l2")])
    model.layers[-1].trainable = False
    found = update_of([model], lambda batch, rng: gt.Losses({"error": tf.reduce_mean(model(batch))}))
    added = found.losses(tf.constant(BATCH), gt.RandomStreams(0)).added
    assert float(added) == pytest.approx(2.0 + BATCH.sum(), rel=1e-3)


@pytest.mark.parametrize("precision", ["float32", "float64", "mixed_bfloat16", "mixed_float16"])
def test_losses_of_several_dtypes_are_summed(precision):
    class Mixed(gt.SupervisedTask):
        def build_model(self):
            decayed = layers.Dense(4, kernel_regularizer="l2")
            return keras.Sequential([keras.Input((4,)), decayed, layers.Dense(4, activity_regularizer="l2"), layers.Dense(1)])

        def build_optimizer(self):
            return keras.optimizers.SGD(1e-9)

        def build_loss(self):
            return keras.losses.MeanSquaredError()

    task = Mixed(precision=precision)
    data = gt.data.from_arrays((BATCH, BATCH[:, :1]), batch_size=8)
    row = (
        gt.Loop(task, compiler=gt.StepCompiler("eager"), progress=False).run(data, validation=data, steps=1).last("validation")
    )
    first, second, _ = task.model.layers
    active = np.square(np.asarray(tf.cast(second(first(BATCH)), tf.float32))).sum() / 8
    expected = 0.01 * (np.square(first.get_weights()[0]).sum() + active)
    assert row["added"] == pytest.approx(expected, rel=1e-4 if "float" + precision[-2:] == precision else 2e-2)


class Twice(gt.Task):
    """One model, called twice in the loss."""

    updates_too: bool = False

    def build_model(self):
        return trunk()

    def build_optimizer(self):
        return keras.optimizers.SGD(1e-9)

    def updates(self):
        return (gt.Update("model", self.both, [self.model], self.optimizer),)

    def both(self, batch, rng):
        error = tf.reduce_mean(self.model(batch) ** 2) + tf.reduce_mean(self.model(-2.0 * batch) ** 2)
        return gt.Losses({"error": error})

    def evaluate(self, batch, rng):
        return self.updates()[0].losses(batch, rng) if self.updates_too else self.both(batch, rng)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("updates_too", [False, True])
def test_the_loss_of_validation_is_that_of_training(mode, updates_too):
    task = Twice(updates_too=updates_too)
    data = gt.data.from_arrays(BATCH, batch_size=8)
    history = gt.Loop(task, compiler=gt.StepCompiler(mode), progress=False).run(data, validation=data, steps=1)
    trained, validated = history.last(), history.last("validation")
    assert trained["added"] == pytest.approx(penalty(task.model) + 5.0 * np.mean(BATCH**2), rel=1e-5)
    assert {name: trained[name] for name in ("loss", "error", "added")} == pytest.approx(
        {name: validated[name] for name in ("loss", "error", "added")}, rel=1e-5
    )


class Critic(gt.AdversarialTask):
    latent_size: int = 3

    def build_generator(self):
        return keras.Sequential([keras.Input((3,)), layers.Dense(2)])

    def build_discriminator(self):
        return keras.Sequential([keras.Input((2,)), Squares(), layers.Dense(1)])


def test_a_discriminator_adds_what_it_adds_for_real_and_for_generated_examples():
    task = Critic()
    real = BATCH[:, :2] + 5.0
    rng = gt.RandomStreams(0).stream("discriminator", 0)
    generated = task.generator(rng.normal("latent", [8, 3]), training=True).numpy()
    found = task.updates()[0].losses(tf.constant(real), rng)
    assert float(found.added) == pytest.approx(np.mean(real**2) + np.mean(generated**2), rel=1e-5)


def test_evaluation_returns_losses():
    class Wrong(Twice):
        def evaluate(self, batch, rng):
            return {"error": tf.reduce_mean(batch)}

    with pytest.raises(gt.errors.LossError, match=r"Wrong\.evaluate"):
        gt.Loop(Wrong(), progress=False).evaluate(gt.data.from_arrays(BATCH, batch_size=8))
