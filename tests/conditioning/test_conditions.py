"""Conditioning: taken from batches, sampled, laid out for grids, and an error where a batch lacks it."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import PointGan, make

import gantape as gt
from gantape import evaluation as ev
from gantape.conditioning import ClassLabels, Codes, SourceImages, Unconditional
from gantape.errors import DataError, RangeError, ShapeError, TaskError
from gantape.evaluation.samples import some_examples
from gantape.losses import AuxiliaryClassifier, MutualInformation

layers = keras.layers
NOISE = gt.RandomStreams(1)


class LabelledGan(PointGan):
    """Points of three classes; the discriminator receives the class, or predicts it."""

    named: bool = False

    def build_condition(self):
        return ClassLabels(3, AuxiliaryClassifier() if self.named else None)

    def build_generator(self):
        latents, labels = keras.Input((self.latent_size,)), keras.Input((), dtype="int32")
        return keras.Model([latents, labels], layers.Dense(2)(layers.Concatenate()([latents, layers.Embedding(3, 2)(labels)])))

    def build_discriminator(self):
        points, labels = keras.Input((2,)), keras.Input((), dtype="int32")
        if self.named:
            hidden = layers.Dense(4, "tanh")(points)
            return keras.Model(points, [layers.Dense(1)(hidden), layers.Dense(3)(hidden)])
        joined = layers.Concatenate()([points, layers.Embedding(3, 2)(labels)])
        return keras.Model([points, labels], layers.Dense(1)(joined))


def batch(count: int = 4) -> Any:
    generator = np.random.default_rng(0)
    return tf.constant(generator.normal(size=(count, 2)), tf.float32), tf.constant(np.arange(count) % 3)


def test_nothing_is_told_by_default() -> None:
    task = make(PointGan)
    assert task.condition == Unconditional()
    latents = task.latents(3, NOISE)
    assert np.array_equal(task.sample(3, NOISE), task.generate(latents))


def test_real_and_generated_examples_share_the_labels_of_the_batch() -> None:
    task = make(LabelledGan)
    real, labels = batch()
    losses = task.discriminator_loss((real, labels), NOISE)
    latents = task.latents(4, NOISE)
    fake = task.generator([latents, labels])
    expected = task.loss.discriminator(task.discriminator([real, labels]), task.discriminator([fake, labels]), NOISE)
    for name, term in expected.items():
        assert float(losses.terms[name]) == pytest.approx(float(term), rel=1e-6)
    joint = make(LabelledGan, joint_batch=True).discriminator_loss((real, labels), NOISE)
    assert float(joint.total) == pytest.approx(float(losses.total), rel=1e-5)


def test_a_discriminator_that_names_the_class_is_not_told_it() -> None:
    task = make(LabelledGan, named=True)
    real, labels = batch()
    fake = task.generator([task.latents(4, NOISE), labels])
    classifier = AuxiliaryClassifier()
    terms = task.discriminator_loss((real, labels), NOISE).terms
    assert float(terms["real_class"]) == pytest.approx(float(classifier(labels, task.discriminator(real)[1])), rel=1e-5)
    assert float(terms["fake_class"]) == pytest.approx(float(classifier(labels, task.discriminator(fake)[1])), rel=1e-5)
    generator_terms = task.generator_loss((real, labels), NOISE).terms
    assert float(generator_terms["class"]) == pytest.approx(float(terms["fake_class"]), rel=1e-5)
    joint = make(LabelledGan, named=True, joint_batch=True).discriminator_loss((real, labels), NOISE)
    assert float(joint.terms["real_class"]) == pytest.approx(float(terms["real_class"]), rel=1e-5)


def test_a_penalty_sees_the_discriminator_as_it_is_told() -> None:
    task = make(LabelledGan, penalised=True)
    assert float(task.discriminator_loss(batch(), NOISE).terms["gradient_penalty"]) > 0.0


def test_labels_are_drawn_from_all_classes_where_there_is_no_batch() -> None:
    drawn = ClassLabels(3).sample(300, None, NOISE)
    assert np.bincount(drawn).tolist() == pytest.approx([100, 100, 100], abs=30)
    assert make(LabelledGan).sample(5, NOISE).shape == (5, 2)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (lambda real, labels: real, DataError),
        (lambda real, labels: (real, labels[:, None]), ShapeError),
        (lambda real, labels: (real, labels + 1), RangeError),
        (lambda real, labels: (real, labels - 1), RangeError),
        (lambda real, labels: (real, tf.cast(labels, tf.float32)), RangeError),
    ],
)
def test_labels_that_cannot_be_right_are_refused(broken: Any, error: Any) -> None:
    with pytest.raises(error, match="LabelledGan"):
        make(LabelledGan).check_batch(broken(*batch()))


def test_codes_are_one_vector_with_the_latents_and_read_from_what_is_made() -> None:
    codes = Codes(3, 2, MutualInformation(2.0, 0.5))
    category, numbers = codes.sample(500, None, NOISE)
    assert set(np.asarray(category)) == {0, 1, 2}
    assert np.abs(numbers).max() <= 1.0
    vector = np.asarray(codes.for_generator(tf.zeros([500, 4]), (category, numbers)))
    assert vector.shape == (500, 4 + codes.size)
    assert np.array_equal(vector[:, 4:7], np.eye(3)[category])
    assert np.array_equal(vector[:, 7:], numbers)
    logits, means = tf.zeros([500, 3]), tf.zeros([500, 2])
    expected = MutualInformation(2.0, 0.5)((category, numbers), (logits, means))
    assert codes.generator_terms((category, numbers), category, category, (logits, means)) == expected
    assert float(expected["categorical_codes"]) == pytest.approx(2.0 * np.log(3.0), rel=1e-5)


def test_a_picture_has_a_column_for_each_category_and_rows_for_the_first_number() -> None:
    category, numbers = Codes(3, 2).for_grid(5, 3, None)
    assert np.reshape(category, (5, 3)).tolist() == [[0, 1, 2]] * 5
    assert np.reshape(numbers[:, 0], (5, 3))[:, 1].tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert not np.any(numbers[:, 1])


def test_a_translation_needs_sources() -> None:
    sources = SourceImages((2, 2, 1))
    with pytest.raises(TaskError, match="images to translate"):
        sources.sample(3, None, NOISE)
    with pytest.raises(DataError, match="pair"):
        sources.check_batch(tf.zeros([3, 2, 2, 1]), "Task")
    with pytest.raises(ShapeError, match="sources"):
        sources.check_batch((tf.zeros([3, 2, 2, 1]), tf.zeros([3, 2, 3, 1])), "Task")
    target = tf.fill([3, 2, 2, 1], 0.5)
    assert float(SourceImages((2, 2, 1), weight=4.0).generator_terms((), target, target - 0.25, ())["distance"]) == 1.0


def test_networks_that_do_not_take_what_they_are_told_are_refused() -> None:
    class Forgetful(PointGan):
        def build_condition(self):
            return ClassLabels(3)

    with pytest.raises(TaskError, match="generator cannot take its latents") as caught:
        Forgetful()
    assert "ClassLabels(classes=3" in caught.value.got


@pytest.mark.parametrize("named", [False, True])
def test_the_health_of_a_task_is_measured_on_what_it_is_told(named: bool) -> None:
    task = make(LabelledGan, named=named)
    data = gt.data.from_arrays(tuple(part.numpy() for part in batch(6)), batch_size=3)
    real, labels = map(tf.constant, some_examples(data, 6, 0))  # in the order in which the check reads them
    check = ev.HealthCheck(data, count=6)
    history = gt.Loop(task, compiler=gt.StepCompiler("eager"), callbacks=[gt.Callback(check, gt.at_end())]).run(data, steps=2)
    fake = task.generate(task.latents(6, gt.RandomStreams(0)), labels)
    scores = [task.discriminator(task.condition.for_discriminator(seen, labels)) for seen in (real, fake)]
    expected = ev.auroc(*[said[0] if named else said for said in scores])
    assert [row["separation"] for row in history if "separation" in row] == [pytest.approx(expected)]


def test_samples_are_of_the_labels_that_are_drawn_for_them() -> None:
    task = make(LabelledGan)
    samples, labels = ev.make_samples(task, 501, seed=4), ev.drawn_labels(task, 501, seed=4)
    latents = [task.latents(count, gt.RandomStreams(4).stream("samples", start)) for start, count in ((0, 500), (500, 1))]
    np.testing.assert_allclose(samples, task.generate(np.concatenate(latents), labels), rtol=1e-6, atol=1e-6)
    assert set(labels) == {0, 1, 2}
