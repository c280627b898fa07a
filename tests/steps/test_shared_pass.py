"""A pass that several updates share is made once in a step, and the same as a pass for each where nothing moves in between."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape.steps.shared import sharing
from gantape.zoo import CycleGAN


def mean_square(values: Any) -> Any:
    return tf.reduce_mean(tf.square(values))


class TwoHeads(gt.Task):
    """Two heads on a trunk: the heads' updates come first, and the trunk's gradients flow through the shared pass."""

    shared: bool = True
    accumulate: int = 1

    def build_trunk(self) -> Any:
        made.clear()
        return keras.Sequential([keras.Input([3]), Counting(), keras.layers.Dense(4, activation="tanh")])

    def build_heads(self) -> Any:
        return tuple(keras.Sequential([keras.Input([4]), keras.layers.Dense(1)]) for _ in range(2))

    def build_optimizers(self) -> Any:
        return tuple(keras.optimizers.SGD(0.1) for _ in range(3))

    def build_pass(self) -> Any:
        return gt.SharedPass([self.trunk])

    def features(self, batch: Any) -> Any:
        make = lambda: {"features": self.trunk(batch["x"], training=True), "count": tf.shape(batch["x"])[0], "none": None}  # noqa: E731
        return (self.pass_through(batch, make) if self.shared else make())["features"]

    def pass_through(self, batch: Any, make: Any) -> Any:
        return vars(self)["_parts"]["pass"](batch, make)

    def head_loss(self, index: int) -> Any:
        def loss(batch: Any, rng: Any) -> gt.Losses:
            return gt.Losses({"error": mean_square(self.heads[index](self.features(batch)) - batch["y"][:, index : index + 1])})

        return loss

    def trunk_loss(self, batch: Any, rng: Any) -> gt.Losses:
        features = self.features(batch)
        return gt.Losses({"error": tf.add_n([mean_square(head(features) - batch["y"]) for head in self.heads])})

    def updates(self) -> Any:
        options = gt.GradientOptions(accumulate=self.accumulate)
        losses, moved = (self.head_loss(0), self.head_loss(1), self.trunk_loss), (*self.heads, self.trunk)
        return tuple(
            gt.Update(name, loss, [model], optimizer, gradient_options=options)
            for name, loss, model, optimizer in zip(("first", "second", "trunk"), losses, moved, self.optimizers, strict=True)
        )


made: list[int] = []


class Counting(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        made.append(1)
        return inputs


def data() -> gt.data.ArrayBatches:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=[24, 3]).astype("float32"), rng.normal(size=[24, 2]).astype("float32")
    return gt.data.from_arrays({"x": x, "y": y}, batch_size=4)


def trained(mode: Any, steps: int = 4, **options: Any) -> list[np.ndarray[Any, Any]]:
    keras.utils.set_random_seed(0)
    task = TwoHeads(**options)
    gt.Loop(task, compiler=gt.StepCompiler(mode, steps_per_call=2), progress=False).run(data(), steps=steps)
    return [variable.numpy() for model in (task.trunk, *task.heads) for variable in model.trainable_variables]


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("mode", ["eager", "graph", "xla", "xla-loop"])
def test_sharing_is_a_pass_for_each_update(mode: str, accumulate: int) -> None:
    pairs = zip(trained(mode, accumulate=accumulate), trained(mode, accumulate=accumulate, shared=False), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("shared", "passes"), [(True, 1), (False, 3)])
def test_a_step_makes_it_once(shared: bool, passes: int) -> None:
    task = TwoHeads(shared=shared)
    step = gt.Step(task.updates(), 0, task.metrics.update)
    batch = {"x": tf.ones([4, 3]), "y": tf.ones([4, 2])}
    for number in range(2):
        made.clear()
        step.run([batch], tf.constant(number, tf.int64), step.due(number))  # the same tensors in both steps
        assert len(made) == passes


def test_nothing_is_shared_outside_of_a_step() -> None:
    task = TwoHeads()
    batch = {"x": tf.ones([4, 3]), "y": tf.ones([4, 2])}
    made.clear()
    for update in task.updates():
        update.apply(batch, gt.RandomStreams(0), tf.constant(0, tf.int64))
    assert len(made) == 3


def test_an_error_ends_the_step() -> None:
    shared = gt.SharedPass()

    class Failing(TwoHeads):
        def trunk_loss(self, batch: Any, rng: Any) -> gt.Losses:
            shared(batch, lambda: tf.zeros([1]))
            raise ValueError("no")

    task = Failing()
    step = gt.Step(task.updates(), 0, task.metrics.update)
    batch = {"x": tf.ones([4, 3]), "y": tf.ones([4, 2])}
    with pytest.raises(ValueError, match="no"):
        step.run([batch], tf.constant(0, tf.int64), step.due(0))
    assert float(shared(batch, lambda: tf.ones([1]))[0]) == 1.0


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_the_translations_of_a_cycle_gan_are_those_before_its_generators_move(mode: str) -> None:
    """The discriminators' first loss, computed by hand from the initial networks."""
    images = np.random.default_rng(0).uniform(-1, 1, [2, 8, 28, 28, 1]).astype("float32")
    keras.utils.set_random_seed(0)
    task = CycleGAN(width=2)
    fakes = task.to_a(images[1], training=True), task.to_b(images[0], training=True)
    expected = 0.0
    for discriminator, real, fake in zip((task.discriminator_a, task.discriminator_b), images, fakes, strict=True):
        expected += float(
            mean_square(discriminator(real, training=True) - 1.0) + mean_square(discriminator(fake, training=True))
        )
    pairs = gt.data.from_arrays(tuple(images), batch_size=8)
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode), progress=False)
    history = loop.run(pairs, steps=1)
    assert history.last()["discriminators/loss"] == pytest.approx(expected / 2.0, rel=1e-4)


def test_a_gradient_leaves_out_what_a_loss_does_not_use() -> None:
    """A result that no loss uses sends no zeros back through the layers that made it."""
    used, unused = (keras.Sequential([keras.Input([3]), *(keras.layers.Dense(3) for _ in range(4))]) for _ in range(2))
    shared = gt.SharedPass([used, unused])

    @tf.function(autograph=False)
    def step(batch: Any) -> Any:
        make = lambda: (used(batch), unused(batch))  # noqa: E731
        with sharing():
            shared(batch, make)
            with tf.GradientTape() as tape:
                loss = mean_square(shared(batch, make)[0])
            return tape.gradient(loss, used.trainable_variables)

    batch = tf.random.stateless_normal([2, 3], seed=[0, 0])
    traced = step.get_concrete_function(batch)
    products = [node for node in traced.graph.get_operations() if node.type == "MatMul"]
    forward, by_weights, by_inputs = 4 + 4, 4, 3
    assert len(products) == forward + by_weights + by_inputs
    with tf.GradientTape() as tape:
        loss = mean_square(used(batch))
    for found, expected in zip(traced(batch), tape.gradient(loss, used.trainable_variables), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
