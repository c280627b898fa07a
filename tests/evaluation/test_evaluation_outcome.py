"""What a task made, judged from outside: controls whose result is known, on every data set that is at hand."""

import os
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

import gantape as gt
from gantape import evaluation as ev
from gantape import zoo
from gantape.errors import DataError, ShapeError, TaskError

Images = np.ndarray[Any, Any]


@attrs.frozen(eq=False)
class Real:
    known: Images
    labels: Any
    held_out: Images
    others: Images
    other_labels: Any

    def judge(self, images: Images, *, classes: bool = True) -> ev.Outcome:
        return ev.judge_images(images, self.known, self.held_out, labels=self.labels if classes else None)


def scaled(images: Images) -> Images:
    return images.astype(np.float32) / np.float32(127.5) - 1.0


@pytest.fixture(scope="module", params=["digits", "mnist", "fashion_mnist"])
def real(request: pytest.FixtureRequest) -> Real:
    name = request.param
    if name != "digits" and not Path(os.environ.get("GANTAPE_DATA", ""), f"{name}.npz").is_file():
        pytest.skip(f"{name}.npz is not in the folder GANTAPE_DATA")
    (images, labels), (held_out, _) = (getattr(gt.data, name)(batch_size=1, split=split).arrays for split in ("train", "test"))
    rows = np.random.default_rng(0).permutation(len(images))[:1500]
    images, labels = scaled(images[rows]), labels[rows]
    return Real(images[:1000], labels[:1000], scaled(held_out[:500]), images[1000:], labels[1000:])


def test_real_images_are_good(real: Real) -> None:
    for images in (real.held_out, real.others):
        outcome = real.judge(images)
        assert outcome.good, outcome.reason
        assert outcome.reason.startswith("Good: ")
        assert outcome.samples.near > 0.9
        assert 0.6 < outcome.samples.density < 1.5
        assert sum(outcome.samples.classes) == pytest.approx(1.0)


def rng(real: Real) -> Images:
    return np.random.default_rng(1).normal(size=real.others.shape)


CONTROLS = {
    "noise": rng,
    "blurred noise": lambda real: (lambda blurred: blurred / np.abs(blurred).max())(gaussian_filter(rng(real), (0, 2, 2, 0))),
    "real images with heavy noise": lambda real: real.others + 0.7 * rng(real),
    "blurred images": lambda real: gaussian_filter(real.others, (0, 2, 2, 0)),
    "inverted images": lambda real: -real.others,
    "half the range": lambda real: (real.others + 1.0) / 2.0,
    "nothing": lambda real: np.full_like(real.others, -1.0),
    "the mean image": lambda real: np.repeat(real.known.mean(axis=0, keepdims=True), 500, axis=0),
    "the mean image with a trace of noise": lambda real: real.known.mean(axis=0) + 0.02 * rng(real),
    "the mean image of each class": lambda real: np.stack(
        [real.known[real.labels == place % 10].mean(axis=0) for place in range(500)]
    ),
}
LACKING = {
    "one image": lambda real: np.repeat(real.others[:1], 500, axis=0),
    "sixteen images": lambda real: np.resize(real.others[:16], real.others.shape),
    "one class": lambda real: np.resize(real.others[real.other_labels == 3], real.others.shape),
}


@pytest.mark.parametrize("name", [*CONTROLS, *LACKING])
def test_controls_are_bad(real: Real, name: str) -> None:
    for classes in (True, False):
        outcome = real.judge({**CONTROLS, **LACKING}[name](real), classes=classes)
        assert not outcome.good, outcome.reason
        assert outcome.reason.startswith("Bad: ")
        assert (
            "resemble" if name in CONTROLS else "vary too little"
        ) in outcome.reason or name == "the mean image of each class"


def test_a_missing_class_is_named() -> None:
    (images, labels), (held_out, _) = (gt.data.digits(batch_size=1, split=split).arrays for split in ("train", "test"))
    known, others = scaled(images), scaled(images[labels != 4])
    outcome = ev.judge_images(others[:500], known, scaled(held_out), labels=labels)
    assert not outcome.good
    assert outcome.reason == "Bad: class 4 of 10 missing."
    assert ev.judge_images(others[:500], known, scaled(held_out)).good


def test_pixels_that_are_not_finite_are_bad(real: Real) -> None:
    images = real.others.copy()
    images[3, 5, 5] = np.nan
    outcome = real.judge(images)
    assert not outcome.good
    assert "1 of 500" in outcome.reason


def test_colour_images_have_no_classes() -> None:
    generator = np.random.default_rng(0)

    def discs(count: int) -> Images:
        """A disc of a random colour, place and size on grey."""
        across, down = np.meshgrid(np.arange(40), np.arange(32))
        centre, radius = generator.uniform(10, 22, (count, 2, 1, 1)), generator.uniform(3, 9, (count, 1, 1))
        inside = (across - centre[:, 0]) ** 2 + (down - centre[:, 1]) ** 2 < radius**2
        return np.where(inside[..., None], generator.uniform(-1, 1, (count, 1, 1, 3)), 0.0)

    known, held_out, images = discs(400), discs(200), discs(300)
    good = ev.judge_images(images, known, held_out)
    assert good.good, good.reason
    assert good.samples.classes == ()
    assert good.count == 200
    grey = np.repeat(images.mean(axis=-1, keepdims=True), 3, axis=-1)
    assert not ev.judge_images(grey, known, held_out).good


def test_what_cannot_be_judged_is_told() -> None:
    images = np.zeros((60, 8, 8, 1))
    with pytest.raises(DataError, match="too few"):
        ev.judge_images(images[:10], images, images)
    with pytest.raises(ShapeError, match="examples height width channels"):
        ev.judge_images(images, images[..., 0], images)
    with pytest.raises(TaskError, match="makes no images"):
        ev.judge_outcome(zoo.DigitClassifier(), gt.data.digits(batch_size=64))


PIXELS = (-1.0, 1.0)


def test_untrained_tasks_are_bad() -> None:
    data = gt.data.digits(batch_size=64, pixels=PIXELS)
    pairs = gt.data.with_outlines(gt.data.digits(batch_size=16, pixels=PIXELS))
    for task, batches in (
        (zoo.DCGAN(width=4), data),
        (zoo.CGAN(width=4), data),
        (zoo.InfoGAN(width=4), data),
        (zoo.Pix2Pix(width=2), pairs),
        (zoo.CycleGAN(width=2), gt.data.unpaired(pairs)),
    ):
        outcome = ev.judge_outcome(task, batches)
        assert not outcome.good, type(task).__name__
        assert outcome.samples.near < 0.1


class Copier(gt.AdversarialTask):
    """A generator that has learnt the training images by heart."""

    latent_size: int = 1
    images: int = 500

    def build_generator(self) -> Any:
        known = scaled(gt.data.digits(batch_size=1).arrays[0][: self.images])

        class Recall(keras.layers.Layer):
            def build(self, shape: Any) -> None:
                self.offset = self.add_weight(shape=(28, 28, 1), initializer="zeros")

            def call(self, latents: Any) -> Any:
                uniform = 0.5 * (1.0 + keras.ops.erf(latents[:, 0] / np.sqrt(2.0)))
                rows = keras.ops.clip(keras.ops.cast(uniform * len(known), "int32"), 0, len(known) - 1)
                return keras.ops.take(known, rows, axis=0) + self.offset

        return keras.Sequential([keras.Input((1,)), Recall()])

    def build_discriminator(self) -> Any:
        return keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])

    def build_generator_optimizer(self) -> Any:
        return keras.optimizers.Adam()

    def build_discriminator_optimizer(self) -> Any:
        return keras.optimizers.Adam()


@pytest.mark.parametrize("labels", [True, False])
def test_a_task_that_makes_real_images_is_good(labels: bool) -> None:
    data = gt.data.digits(batch_size=64, labels=labels, pixels=PIXELS)
    test = gt.data.digits(batch_size=64, labels=labels, pixels=PIXELS, split="test")
    task = Copier()
    for held_out in (None, test):
        outcome = ev.judge_outcome(task, data, held_out)
        assert outcome.good, outcome.reason
        assert len(outcome.samples.classes) == (10 if labels else 0)
    assert ev.judge_outcome(task, data, test) == ev.judge_outcome(task, data, test)


def test_a_stream_is_read_from_its_beginning() -> None:
    images = scaled(gt.data.digits(batch_size=1).arrays[0])
    stream = gt.data.from_dataset(tf.data.Dataset.from_tensor_slices(images).batch(100))
    assert ev.judge_outcome(Copier(), stream).good
