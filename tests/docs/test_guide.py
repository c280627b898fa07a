"""The loops of the Keras guide written by hand, and gantape: the same training.

Same initial weights, same batches, same noise. In eager mode both do the same operations in the same order: after 20 steps
the weights are equal bit for bit. Compiled code adds up in another order (fused operations, other blocks of a matrix
product), so that sums differ in their last bits. For the classifiers, float32, each of 20 steps may move a weight by a few
units of rounding (6e-8 of the weight) more or less: 1e-5 is above what adds up and far below a step. Adversarial training
amplifies rounding, so that the GAN is compared in float64. There the noise alone is rounded to float32 (6e-8), and a step
moves a weight by 3e-4: 1e-7 is far below the smallest difference that another computation would make.
"""

import handwritten
import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import double_precision

import gantape as gt
from gantape.zoo import DigitClassifier, GuideDCGAN

SEED = 7
BATCH_SIZE = 64
STEPS_PER_EPOCH = 10
COMPILED = ("graph", "xla", "xla-loop")


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images of 28×28×1 with pixels from 0 to 255, as the guide has them, and labels."""
    images, labels = gt.data.digits(batch_size=BATCH_SIZE).arrays
    return images.astype("float32"), labels


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), 784)


def same_classifier(activity: bool = False) -> tuple[DigitClassifier, handwritten.Classification]:
    """A classifier of gantape's and the guide's, with the same initial weights."""
    keras.utils.set_random_seed(SEED)
    task = DigitClassifier(learning_rate=1e-3, activity_weight=1e-2 if activity else 0.0)
    model = handwritten.classifier(activity)
    model.set_weights(task.model.get_weights())
    return task, handwritten.Classification(model, 1e-3)


def train_by_hand(guide: handwritten.Classification, digits: tuple[np.ndarray, np.ndarray], compiled: bool = False) -> None:
    images, labels = digits
    step = tf.function(guide.train_step) if compiled else guide.train_step
    for epoch in range(2):
        guide.train_epoch(step, handwritten.batches((flat(images), labels), BATCH_SIZE, SEED, epoch))


def first_epochs(digits: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Ten whole batches and a part of one, so that two epochs are 20 steps."""
    examples = STEPS_PER_EPOCH * BATCH_SIZE + 5
    return digits[0][:examples], digits[1][:examples]


def assert_identical(model: keras.Model, reference: keras.Model) -> None:
    for weight, expected in zip(model.get_weights(), reference.get_weights(), strict=True):
        assert np.array_equal(weight, expected)


def assert_near(model: keras.Model, reference: keras.Model, tolerance: float) -> None:
    for weight, expected in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("activity", [False, True], ids=["first loop", "add_loss"])
def test_classifier_is_the_guides_bit_for_bit_in_eager_mode(digits, activity):
    train = first_epochs(digits)
    task, guide = same_classifier(activity)
    initial = task.model.get_weights()

    gt.Loop(task, compiler=gt.StepCompiler("eager"), seed=SEED).run(gt.data.from_arrays(train, batch_size=BATCH_SIZE), epochs=2)
    train_by_hand(guide, train)

    assert int(guide.optimizer.iterations) == 20
    assert not np.array_equal(task.model.get_weights()[0], initial[0])
    assert_identical(task.model, guide.model)


@pytest.mark.parametrize("mode", COMPILED)
@pytest.mark.parametrize("activity", [False, True], ids=["tf.function", "add_loss"])
def test_compiled_classifier_is_the_guides(digits, mode, activity):
    train = first_epochs(digits)
    task, guide = same_classifier(activity)
    initial = task.model.get_weights()[0]

    gt.Loop(task, compiler=gt.StepCompiler(mode), seed=SEED).run(gt.data.from_arrays(train, batch_size=BATCH_SIZE), epochs=2)
    train_by_hand(guide, train, compiled=True)

    assert np.abs(task.model.get_weights()[0] - initial).max() > 1e-3
    assert_near(task.model, guide.model, 1e-5)


@pytest.mark.parametrize("mode", ["eager", *COMPILED])
def test_metrics_and_validation_are_the_guides(digits, mode):
    (images, labels), x_val, y_val = first_epochs(digits), digits[0][-200:], digits[1][-200:]
    task, guide = same_classifier()

    history = gt.Loop(task, compiler=gt.StepCompiler(mode), seed=SEED).run(
        gt.data.from_arrays((images, labels), batch_size=BATCH_SIZE),
        validation=gt.data.from_arrays((x_val, y_val), batch_size=BATCH_SIZE),
        epochs=2,
    )

    for epoch in range(2):
        epoch_batches = handwritten.batches((flat(images), labels), BATCH_SIZE, SEED, epoch)
        loss, accuracy = guide.train_epoch(guide.train_step, epoch_batches)
        val_loss, val_accuracy = guide.validate(flat(x_val), y_val, BATCH_SIZE)
        assert history.values("loss")[epoch] == pytest.approx(loss, rel=1e-5)
        assert history.values("accuracy")[epoch] == pytest.approx(accuracy, abs=1e-7)
        assert history.values("loss", "validation")[epoch] == pytest.approx(val_loss, rel=1e-5)
        assert history.values("accuracy", "validation")[epoch] == pytest.approx(val_accuracy, abs=1e-7)


def same_gan() -> tuple[GuideDCGAN, handwritten.AdversarialLoop]:
    """The DCGAN of gantape's and the guide's, with the same initial weights."""
    keras.utils.set_random_seed(SEED)
    task = GuideDCGAN()
    by_hand = handwritten.AdversarialLoop(handwritten.discriminator(), handwritten.generator(), SEED)
    by_hand.discriminator.set_weights(task.discriminator.get_weights())
    by_hand.generator.set_weights(task.generator.get_weights())
    return task, by_hand


def test_dcgan_has_the_guides_networks():
    task, by_hand = same_gan()

    assert task.discriminator.count_params() == by_hand.discriminator.count_params() == 74_625
    assert task.generator.count_params() == by_hand.generator.count_params() == 1_339_905
    assert float(task.discriminator_optimizer.learning_rate) == pytest.approx(3e-4)
    assert float(task.generator_optimizer.learning_rate) == pytest.approx(4e-4)


def test_dcgan_is_the_guides_bit_for_bit_in_eager_mode(digits):
    images = digits[0][:80] / np.float32(255)
    task, by_hand = same_gan()

    history = gt.Loop(task, compiler=gt.StepCompiler("eager"), seed=SEED).run(
        gt.data.from_arrays(images, batch_size=4), epochs=1, record=gt.every(steps=1)
    )
    losses = [by_hand.train_step(real, step) for step, (real,) in enumerate(handwritten.batches((images,), 4, SEED, 0))]

    assert len(losses) == 20
    assert history.values("discriminator/loss") == [float(loss) for loss, _ in losses]
    assert history.values("generator/loss") == [float(loss) for _, loss in losses]
    assert_identical(task.discriminator, by_hand.discriminator)
    assert_identical(task.generator, by_hand.generator)


@pytest.mark.parametrize("mode", COMPILED)
def test_compiled_dcgan_is_the_guides(digits, mode):
    with double_precision():
        images = digits[0][:6].astype("float64") / 255.0
        task, by_hand = same_gan()

        gt.Loop(task, compiler=gt.StepCompiler(mode, steps_per_call=3), seed=SEED).run(
            gt.data.from_arrays(images, batch_size=2), epochs=1
        )
        for step, (real,) in enumerate(handwritten.batches((images,), 2, SEED, 0)):
            by_hand.train_step(real, step)

        assert_near(task.discriminator, by_hand.discriminator, 1e-7)
        assert_near(task.generator, by_hand.generator, 1e-7)
