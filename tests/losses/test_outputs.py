"""Terms from all outputs of a discriminator, and consistency of latents, against NumPy."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import PointGan, points

import gantape as gt
from gantape.losses import BalancedConsistency, DiscriminatorOutput, FeatureMatching, LatentConsistency, OutputTerms

NOISE = gt.RandomStreams(0)


class FeatureGan(PointGan):
    """A discriminator that returns its scores and its features."""

    def build_discriminator(self):
        inputs = keras.Input((2,))
        features = keras.layers.Dense(8, activation="tanh")(inputs)
        return keras.Model(inputs, [keras.layers.Dense(1)(features), features])

    def build_output_terms(self):
        return (FeatureMatching(weight=0.5),)


def output(*features: Any) -> DiscriminatorOutput:
    auxiliary = tuple(map(tf.constant, features))
    return DiscriminatorOutput(tf.zeros([len(features[0]), 1]), auxiliary, tf.zeros([len(features[0]), 2]))


def test_feature_matching_is_the_squared_distance_of_mean_features() -> None:
    generator = np.random.default_rng(0)
    real, fake = ([generator.normal(size=(5, *shape)) for shape in ((3,), (2, 2, 4))] for _ in range(2))
    term = FeatureMatching(weight=0.5).generator(output(*real), output(*fake), NOISE)["feature_matching"]
    wanted = sum(np.sum((one.mean(0) - other.mean(0)) ** 2) for one, other in zip(real, fake, strict=True))
    assert float(term) == pytest.approx(0.5 * wanted)
    assert FeatureMatching().discriminator(output(*real), output(*fake), NOISE) == {}


def test_a_discriminator_without_features_is_refused() -> None:
    class Without(PointGan):
        def build_output_terms(self):
            return (FeatureMatching(),)

    with pytest.raises(gt.errors.LossError, match="no features to match"):
        gt.Loop(Without(), compiler=gt.StepCompiler("eager")).run(points(), steps=1)


@pytest.mark.parametrize("joint", [False, True])
def test_the_generators_loss_matches_features_of_the_same_batch(joint: bool) -> None:
    task: Any = FeatureGan(joint_batch=joint)
    batch = next(iter(points().examples_in_order()))
    losses = task.generator_loss(tf.constant(batch), NOISE)
    fake = task.generator(task.latents(len(batch), NOISE), training=True)
    features = [task.discriminator(examples, training=True)[1].numpy().mean(0) for examples in (tf.constant(batch), fake)]
    assert float(losses.terms["feature_matching"]) == pytest.approx(0.5 * np.sum((features[0] - features[1]) ** 2), rel=1e-4)
    assert set(losses.terms) == {"adversarial", "feature_matching"}


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_every_mode_trains_alike(mode: Any) -> None:
    found = []
    for compiled in ("eager", mode):
        keras.utils.set_random_seed(3)
        loop = gt.Loop(FeatureGan(), compiler=gt.StepCompiler(compiled), seed=1)
        history = loop.run(points(), steps=4, record=gt.every(steps=1))
        found.append(history.values("generator/feature_matching"))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3)


class Scaled(OutputTerms):
    """A term of the discriminator with a model of its own."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def models(self):
        return (self.model,)

    def discriminator(self, real, fake, rng):
        return {"scaled": tf.reduce_mean(tf.square(self.model(real.auxiliary[0]) - real.examples))}

    def generator(self, real, fake, rng):
        return {}


def test_the_discriminators_update_moves_the_models_of_its_terms() -> None:
    class WithDecoder(FeatureGan):
        def build_decoder(self):
            return keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])

        def build_output_terms(self):
            return (Scaled(self.decoder),)

    task: Any = WithDecoder()
    before = [weights.copy() for weights in task.decoder.get_weights()]
    history = gt.Loop(task, compiler=gt.StepCompiler("graph")).run(points(), steps=30, record=gt.every(steps=1))
    assert all(np.any(old != new) for old, new in zip(before, task.decoder.get_weights(), strict=True))
    errors = history.values("discriminator/scaled")
    assert errors[-1] < errors[0]
    assert "generator/scaled" not in history.columns


def test_consistency_of_one_kind_skips_the_passes_of_the_other() -> None:
    calls: list[Any] = []

    def discriminator(examples: Any, training: bool) -> Any:
        calls.append(examples)
        return tf.reduce_sum(examples, axis=1)

    real, fake = tf.ones([2, 3]), tf.zeros([2, 3])
    term = BalancedConsistency(lambda examples, rng: examples + 1.0, fake_weight=0.0)(discriminator, real, fake, NOISE)
    assert float(term) == pytest.approx(10.0 * 9.0)
    assert len(calls) == 2
    nothing = BalancedConsistency(lambda examples, rng: examples, 0.0, 0.0)(discriminator, real, fake, NOISE)
    assert float(nothing) == 0.0


def test_consistency_takes_the_augmentations_of_the_package() -> None:
    images = tf.random.stateless_uniform([4, 8, 8, 1], (0, 1))
    blind = BalancedConsistency(gt.augment.Translation())(
        lambda x, training: tf.zeros([4, 1]) * x[:, 0, 0], images, images, NOISE
    )
    assert float(blind) == 0.0


def test_consistency_of_latents_is_that_of_numpy() -> None:
    part, generator = LatentConsistency(deviation=0.1, discriminator_weight=2.0, generator_weight=3.0), np.random.default_rng(0)
    latents = tf.constant(generator.normal(size=(500, 8)).astype("float32"))
    moves = part.near(latents, NOISE) - latents
    assert float(tf.math.reduce_std(moves)) == pytest.approx(0.1, rel=0.05)
    np.testing.assert_array_equal(part.near(latents, NOISE), part.near(latents, NOISE))
    scores, near = generator.normal(size=(2, 6, 1))
    assert float(part.discriminator(tf.constant(scores), tf.constant(near))) == pytest.approx(
        2.0 * np.mean((scores - near) ** 2)
    )
    images, others = generator.normal(size=(2, 6, 4, 4, 1))
    assert float(part.generator(tf.constant(images), tf.constant(others))) == pytest.approx(
        -3.0 * np.mean((images - others) ** 2)
    )
    for function in (part.discriminator, part.generator):
        with pytest.raises(gt.errors.ShapeError, match="close latents"):
            function(tf.zeros([4, 1]), tf.zeros([4]))
