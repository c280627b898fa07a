"""Findings about networks: those that get no gradient, are called in the wrong way, or are moved by the wrong update."""

import keras
import pytest
import tensorflow as tf
from inspected import batch, findings_of, line_of, named, squared
from tiny import PointGan, make, points

import gantape as gt

layers = keras.layers


def with_layer(layer):
    return lambda: keras.Sequential([keras.Input((4,)), layers.Dense(8), layer(), layers.Dense(1)])


def without_training(model, batch, rng):
    return tf.reduce_mean(tf.square(batch[1][:, None] - model(batch[0])))


@pytest.mark.parametrize("layer", [layers.BatchNormalization, lambda: layers.Dropout(0.5), lambda: layers.GaussianNoise(1.0)])
def test_training_that_is_not_said(layer):
    (clue,) = findings_of(named(without_training), with_layer(layer))
    assert "without `training`" in clue.what
    assert not findings_of(named(squared), with_layer(layer))


@pytest.mark.parametrize("layer", [layers.LayerNormalization, lambda: layers.Dropout(0.0), layers.ReLU])
def test_layers_that_do_not_mind_training(layer):
    assert not findings_of(named(without_training), with_layer(layer))


def test_a_frozen_batch_norm_with_its_first_statistics():
    def frozen():
        model = with_layer(layers.BatchNormalization)()
        model.layers[1].trainable = False
        return model

    def pretrained():
        model = frozen()
        model.layers[1].moving_mean.assign(model.layers[1].moving_mean + 0.3)
        return model

    (clue,) = findings_of(named(squared), frozen)
    assert "normalises nothing" in clue.what
    assert not findings_of(named(squared), pretrained)


def rounded(model, batch, rng):
    outputs = tf.round(model(batch[0]))
    return tf.reduce_mean(tf.square(batch[1][:, None] - outputs))


def by_class(model, batch, rng):
    best = tf.argmax(model(batch[0]), axis=1)
    return tf.reduce_mean(tf.square(batch[1] - tf.cast(best, tf.float32)))


def uncalled(model, batch, rng):
    return tf.reduce_mean(tf.square(batch[1]))


def stopped(model, batch, rng):
    outputs = tf.stop_gradient(model(batch[0]))
    return tf.reduce_mean(tf.square(batch[1][:, None] - outputs))


@pytest.mark.parametrize(
    ("loss", "reason"),
    [(rounded, "tf.round"), (by_class, "tf.argmax"), (stopped, "tf.stop_gradient"), (uncalled, "does not call it")],
)
def test_a_network_without_gradient(loss, reason):
    (clue,) = findings_of(named(loss))
    assert reason in clue.what
    assert __file__ in clue.what or loss is uncalled


def test_a_term_without_gradient_beside_another():
    def loss(model, batch, rng):
        constant = tf.reduce_mean(tf.stop_gradient(model(batch[0])))
        return gt.Losses({"error": squared(model, batch, rng), "constant": constant})

    (clue,) = findings_of(loss)
    assert '"constant" has no gradient' in clue.what


def test_a_gradient_that_is_zero():
    def loss(model, batch, rng):
        return tf.reduce_mean(tf.sign(model(batch[0])))

    (clue,) = findings_of(named(loss))
    assert "is zero" in clue.what


def test_a_loss_that_leaves_tensorflow():
    def loss(model, batch, rng):
        return tf.reduce_mean(tf.square(batch[1][:, None] - model(batch[0]))) + batch[1].numpy().mean()

    (clue,) = findings_of(named(loss))
    assert "eager mode only" in clue.what
    assert "numpy()" in line_of(clue)


class Greedy(PointGan):
    """A generator's update that moves the discriminator too."""

    def updates(self):
        first, second = super().updates()
        both = (self.generator, self.discriminator)
        return first, gt.Update("generator", self.generator_loss, both, second.optimizer)


def test_a_generator_s_update_that_moves_the_discriminator():
    (clue,) = gt.inspect(make(Greedy), points(64, 64)).all_findings
    assert "discriminator in opposite directions" in clue.what


class Ensemble(gt.Task):
    """Two members whose first weights have the seeds that are given."""

    seeds: tuple[int, int]

    def build_members(self):
        return [
            keras.Sequential([keras.Input((4,)), layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed))])
            for seed in self.seeds
        ]

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def loss(self, batch, rng):
        return gt.Losses({f"member_{place}": squared(member, batch, rng) for place, member in enumerate(self.members)})

    def updates(self):
        return (gt.Update("members", self.loss, tuple(self.members), self.optimizer),)


def test_networks_that_begin_alike():
    (clue,) = gt.inspect(Ensemble(seeds=(1, 1)), batch()).all_findings
    assert "begin with the same weights" in clue.what
    assert not gt.inspect(Ensemble(seeds=(1, 2)), batch()).all_findings


class Halves(gt.Task):
    """An encoder and a decoder, of which only those named are moved."""

    moved: tuple[str, ...]
    frozen: bool = False

    def build_encoder(self):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        model.trainable = not self.frozen
        return model

    def build_decoder(self):
        return keras.Sequential([keras.Input((3,)), layers.Dense(1)])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def loss(self, batch, rng):
        return gt.Losses({"error": tf.reduce_mean(tf.square(batch[1][:, None] - self.decoder(self.encoder(batch[0]))))})

    def updates(self):
        return (gt.Update("both", self.loss, [getattr(self, name) for name in self.moved], self.optimizer),)


def test_a_network_that_nobody_moves():
    (clue,) = gt.inspect(Halves(moved=("decoder",)), batch()).all_findings
    assert "encoder begins with random weights" in clue.what
    trained = Halves(moved=("decoder",))
    trained.encoder.layers[0].bias.assign([0.1, 0.0, 0.2])
    assert not gt.inspect(trained, batch()).all_findings
    assert not gt.inspect(Halves(moved=("decoder",), frozen=True), batch()).all_findings
    assert not gt.inspect(Halves(moved=("encoder", "decoder")), batch()).all_findings


class Distilled(gt.Task):
    """A student with dropout, and a teacher with dropout that predicts."""

    def build_teacher(self):
        return keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dropout(0.5), layers.Dense(1)])

    def build_student(self):
        return self.build_teacher()

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def loss(self, batch, rng):
        difference = self.student(batch[0], training=True) - self.teacher(batch[0])
        return gt.Losses({"error": tf.reduce_mean(tf.square(difference))})

    def updates(self):
        return (gt.Update("student", self.loss, (self.student,), self.optimizer),)


def test_a_teacher_that_predicts_and_stands_still_is_meant():
    assert not gt.inspect(Distilled(), batch()).all_findings


class Line(gt.Task):
    """Two variables without a model, of which the loss may forget one, and a layer that is used in part."""

    used: tuple[str, ...]

    def build_slope(self):
        return keras.Variable([[1.0], [0.0], [2.0], [0.5]], name="slope")

    def build_offset(self):
        return keras.Variable([0.0], name="offset")

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def loss(self, batch, rng):
        outputs = batch[0] @ self.slope
        if "offset" in self.used:
            outputs = outputs + self.offset
        return gt.Losses({"error": tf.reduce_mean(tf.square(batch[1][:, None] - outputs))})

    def updates(self):
        return (gt.Update("line", self.loss, (self.slope, self.offset), self.optimizer),)


def test_variables_without_a_model():
    seen = gt.inspect(Line(used=("slope", "offset")), batch())
    assert not seen.all_findings
    task = Line(used=("slope", "offset"))
    with tf.GradientTape() as tape:
        loss = task.loss(tuple(map(tf.constant, batch())), None).total
    gradients = tape.gradient(loss, [task.slope.value, task.offset.value])
    assert seen["line"].norms["error"]["slope, offset"] == pytest.approx(float(tf.linalg.global_norm(gradients)), rel=1e-4)
    (clue,) = gt.inspect(Line(used=("slope",)), batch()).all_findings
    assert "gets no gradient for offset: the loss does not call it" in clue.what
