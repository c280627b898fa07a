"""What a `build_` method returns is checked when the task is made, against what the part is."""

from typing import Any

import keras
import pytest
import tensorflow as tf
from misuse import classifier, gan
from tiny import PointGan, points

import gantape as gt
from gantape import zoo
from gantape.errors import GantapeError, LossError, ShapeError, TaskError


def a_function(*_: Any) -> float:
    return 0.0


class Drift(gt.losses.Penalty):
    name = "drift"

    def __call__(self, discriminator, real, fake, rng):
        return 0.001 * tf.reduce_mean(discriminator(real, training=True) ** 2)


class WithoutStreams(Drift):
    def __call__(self, discriminator, real, fake):
        return tf.reduce_mean(discriminator(real))


class Jitter(gt.augment.Augmentation):
    def __call__(self, examples, rng):
        return examples + 0.1 * rng.normal("jitter", tf.shape(examples))


class Reversed(gt.augment.Augmentation):
    def __call__(self, rng, examples, strength):
        return examples


class OneArgument(gt.losses.NonSaturating):
    def discriminator(self, scores):
        return {"real": tf.reduce_mean(scores)}


KINDS: dict[str, tuple[Any, ...]] = {
    "generator": ("dcgan", a_function, [keras.layers.Dense(1)], keras.Sequential),
    "discriminator": (a_function, 3),
    "generator_optimizer": ("adam", keras.optimizers.SGD, 1e-3, keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)),
    "discriminator_gradient_options": ({"accumulate": 2}, 2),
    "loss": (keras.losses.BinaryCrossentropy(from_logits=True), "hinge", a_function, gt.losses.Hinge),
    "penalties": (a_function, (a_function,), gt.losses.R1(), [gt.losses.R1], "r1", (WithoutStreams(),)),
    "condition": (10, "labels", gt.conditioning.ClassLabels),
    "augmentations": ((lambda x, rng: x,), Jitter(), (Jitter,), (keras.layers.RandomFlip(),), [Reversed()]),
    "metrics": ({"accuracy": keras.metrics.Mean()}, [keras.metrics.Mean()], keras.metrics.Mean()),
}


@pytest.mark.parametrize("part", KINDS)
def test_the_wrong_kind_is_named_with_its_method(part: str) -> None:
    for wrong in KINDS[part]:
        with pytest.raises(TaskError) as caught:
            gan(**{f"build_{part}": lambda self, wrong=wrong: wrong})
        assert caught.value.where.startswith(f"MyGan.build_{part}"), wrong
        assert len(str(caught.value)) < 1500


def test_a_loss_for_a_supervised_task_is_an_instance() -> None:
    for wrong in ("mse", keras.losses.MeanSquaredError):
        with pytest.raises(TaskError, match=r"MeanSquaredError\(\)"):
            classifier(build_loss=lambda self, wrong=wrong: wrong)


def test_a_method_with_other_arguments_than_it_is_called_with() -> None:
    with pytest.raises(TaskError, match=r"define discriminator\(self, real, fake, rng\)"):
        gan(build_loss=lambda self: OneArgument())


@pytest.mark.parametrize("sequence", [tuple, list])
def test_subclasses_of_penalty_and_augmentation_work(sequence: type[Any]) -> None:
    task = gan(
        build_penalties=lambda self: sequence([Drift()]), build_augmentations=lambda self: sequence([Jitter(), Jitter()])
    )
    assert "discriminator/drift" in gt.Loop(task).run(points(), steps=2).columns


def test_a_part_without_a_declared_type_may_be_anything() -> None:
    assert gan(build_anything=lambda self: 7).anything == 7


class Named(Drift):
    name = "real"


class Plain(gt.losses.AdversarialLoss):
    def discriminator(self, real, fake, rng):
        return tf.reduce_mean(fake) - tf.reduce_mean(real)

    def generator(self, real, fake, rng):
        return {"adversarial": -tf.reduce_mean(fake)}


class Halved(gt.augment.Augmentation):
    def __call__(self, examples, rng):
        return examples[:, :1]


@pytest.mark.parametrize(
    ("methods", "error", "said"),
    [
        ({"build_penalties": lambda self: (Drift(), Drift())}, LossError, "same name"),
        ({"build_penalties": lambda self: (Named(),)}, LossError, "same name"),
        ({"build_loss": lambda self: Plain()}, LossError, "are named"),
        ({"build_augmentations": lambda self: (Halved(),)}, ShapeError, "changed the shape"),
    ],
    ids=["two penalties of one name", "a penalty named as a term", "a number for terms", "another shape"],
)
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_what_parts_return_is_checked_in_the_first_step(
    methods: dict[str, Any], error: type[GantapeError], said: str, mode: Any
) -> None:
    with pytest.raises(error, match=said) as caught:
        gt.Loop(gan(**methods), compiler=gt.StepCompiler(mode)).run(points(), steps=1)
    assert __name__ in caught.value.where


class Spread(PointGan):
    """A term on latents of its own, as many as there are examples."""

    dynamic: bool = True

    def generator_loss(self, batch, rng):
        losses = super().generator_loss(batch, rng)
        count = tf.shape(batch)[0] if self.dynamic else batch.shape[0]
        fake = self.generator(self.latents(count, rng, "spread"))
        return gt.Losses({**losses.terms, "spread": -tf.reduce_mean(tf.abs(fake))}, losses.metrics)


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_the_number_of_latents_may_be_a_tensor(mode: Any) -> None:
    rows = []
    for dynamic in (True, False):
        keras.utils.set_random_seed(1)
        loop = gt.Loop(Spread(dynamic=dynamic), compiler=gt.StepCompiler(mode))
        rows.append(loop.run(points(), steps=2).last()["generator/spread"])
    assert rows[0] == pytest.approx(rows[1], rel=1e-6)


def test_packs_of_a_joint_batch_are_refused() -> None:
    """Each pack would hold real and generated examples."""
    with pytest.raises(TaskError, match="joint_batch"):
        zoo.PacGAN(width=2, joint_batch=True)
