"""Layers that are frozen and thawed between calls, by hand or by a callback, are trained as they stand."""

import shutil
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from loguru import logger
from tiny import BatchNormGan, make, points

import gantape as gt

layers = keras.layers


class Transfer(gt.SupervisedTask):
    """A head on a base, which is frozen at first or not."""

    frozen: bool = True
    rate: float = 0.1
    algorithm: str = "adam"

    def build_base(self):
        return keras.Sequential(
            [keras.Input((4,)), layers.Dense(3, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.2, seed=1)],
            name="base",
        )

    def build_model(self):
        self.base.trainable = not self.frozen
        inputs = keras.Input((4,))
        return keras.Model(inputs, layers.Dense(1)(self.base(inputs)))

    def build_optimizer(self):
        return keras.optimizers.get({"class_name": self.algorithm, "config": {"learning_rate": self.rate}})

    def build_loss(self):
        return keras.losses.MeanSquaredError()


numbers = np.random.default_rng(0)
inputs = numbers.normal(size=(32, 4)).astype("float32")
data = gt.data.from_arrays((inputs, inputs[:, :1] ** 2), batch_size=8)


def loop_on(task: gt.Task, mode: Any = "graph", **options: Any) -> gt.Loop:
    return gt.Loop(task, compiler=gt.StepCompiler(mode, steps_per_call=3), **options)


def copied(model: Any) -> list[np.ndarray]:
    return [np.array(weight) for weight in model.get_weights()]


def equal(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(map(np.array_equal, some, others))


@pytest.mark.parametrize(("mode", "new_loop"), [("eager", False), ("graph", False), ("graph", True), ("xla", False)])
def test_a_base_that_is_thawed_is_trained_and_one_that_is_frozen_is_not(mode: Any, new_loop: bool) -> None:
    task = make(Transfer)
    loop = loop_on(task, mode)
    loop.run(data, steps=3)
    for trainable in (True, False, True):
        task.base.trainable = trainable
        before = copied(task.base)
        loop = loop_on(task, mode) if new_loop else loop
        loop.run(data, steps=2)
        assert equal(before, copied(task.base)) == (not trainable)


@pytest.mark.parametrize("algorithm", ["sgd", "adam", "nadam", "adafactor"])
def test_thawing_is_the_training_of_an_optimizer_that_knew_all_variables(algorithm: str) -> None:
    """The head's moments are kept: the reference is built for all variables, and given gradients for some."""
    task, reference = make(Transfer, algorithm=algorithm), make(Transfer, algorithm=algorithm, frozen=False)
    for made in (task, reference):
        made.base.trainable = False
        loop = loop_on(made, "eager")
        loop.run(data, steps=4)
        made.base.trainable = True
        loop.run(data, steps=4)
    for weight, expected in zip(copied(task.model), copied(reference.model), strict=True):
        np.testing.assert_array_equal(weight, expected)
    names = [[variable.path.split("/")[-1] for variable in made.optimizer.variables] for made in (task, reference)]
    assert len(names[0]) == len(names[1])


def test_a_callback_may_freeze_and_the_log_says_that_it_is_traced_again() -> None:
    task = make(Transfer, frozen=False)
    kept: list[list[np.ndarray]] = []

    def freeze(progress: gt.Progress) -> None:
        task.base.trainable = False
        kept.append(copied(task.base))

    said: list[str] = []
    logger.enable("gantape")
    sink = logger.add(said.append, format="{message}")
    try:
        loop = loop_on(task, callbacks=[gt.Callback(freeze, gt.at(5))])
        loop.run(data, steps=12)
    finally:
        logger.remove(sink)
        logger.disable("gantape")
    assert equal(kept[0], copied(task.base))
    assert loop.explain().count("updates model:") == 2
    assert any("frozen or thawed" in line for line in said)


def test_settings_of_layers_are_honoured_from_the_next_call_on() -> None:
    task = make(Transfer, frozen=False)
    dropout = task.base.layers[-1]
    losses = {}
    for rate in (0.0, 0.999):
        dropout.rate = rate
        loop = loop_on(task)
        loop.run(data, steps=1)
        dropout.rate = 0.0
        losses[rate] = loop.run(data, steps=1).last()["loss"]
        traces = loop.explain().count("updates model:")
        assert traces == (2 if rate else 1)


def test_adapters_and_quantisation_between_calls() -> None:
    task = make(Transfer)
    loop = loop_on(task)
    loop.run(data, steps=2)
    dense = task.base.layers[0]
    task.base.trainable = True
    dense.enable_lora(2)
    kernel, adapter = np.array(dense._kernel), np.array(dense.lora_kernel_b)
    loop.run(data, steps=3)
    assert np.array_equal(kernel, np.array(dense._kernel))
    assert not np.array_equal(adapter, np.array(dense.lora_kernel_b))
    dense.trainable = False
    loop.evaluate(data)
    dense.quantize("int8")
    expected = float(keras.ops.mean((task.model.predict(inputs, verbose=0) - inputs[:, :1] ** 2) ** 2))
    assert loop.evaluate(data)["loss"] == pytest.approx(expected, rel=1e-5)
    before = np.array(task.model.layers[-1].kernel)
    loop.run(data, steps=3)
    assert np.isfinite(loop.history.last()["loss"])
    assert not np.array_equal(before, np.array(task.model.layers[-1].kernel))


@pytest.mark.parametrize("shared", [False, True])
def test_a_generator_that_is_frozen_in_part(shared: bool) -> None:
    task = make(BatchNormGan, shared_examples=shared)
    loop = loop_on(task)
    loop.run(points(), steps=2)
    task.generator.layers[0].trainable = False
    before = copied(task.generator.layers[0])
    last = copied(task.generator.layers[-1])
    loop.run(points(), steps=2)
    assert equal(before, copied(task.generator.layers[0]))
    assert not equal(last, copied(task.generator.layers[-1]))


def test_a_resumed_run_has_the_frozen_layers_of_the_run(tmp_path: Any) -> None:
    def freeze(progress: gt.Progress) -> None:
        progress.task.base.trainable = False

    callbacks = [gt.Callback(freeze, gt.at(3))]
    whole = make(Transfer, frozen=False)
    loop_on(whole, callbacks=callbacks).run(data, steps=8)
    first = make(Transfer, frozen=False)
    loop_on(first, run_dir=tmp_path / "run", callbacks=callbacks).run(data, steps=5)
    second = make(Transfer, frozen=False)
    gt.Loop.resume(tmp_path / "run", second, callbacks=callbacks).run(data, steps=3)
    assert not second.base.trainable
    assert equal(copied(whole.model), copied(second.model))


def test_a_run_that_was_thawed_is_resumed_by_a_task_that_is(tmp_path: Any) -> None:
    def two_phases(task: Any, run_dir: Any, last: int) -> gt.Loop:
        loop = loop_on(task, run_dir=run_dir)
        loop.run(data, steps=3)
        task.base.trainable = True
        loop.run(data, steps=last)
        return loop

    whole, first = make(Transfer), make(Transfer)
    two_phases(whole, tmp_path / "whole", 6)
    two_phases(first, tmp_path / "run", 4)
    with pytest.raises(gt.GantapeError):
        gt.Loop.resume(tmp_path / "run", make(Transfer))
    thawed = make(Transfer)
    thawed.base.trainable = True
    for task, changed in ((make(Transfer, frozen=False), ("frozen",)), (thawed, ())):
        shutil.copytree(tmp_path / "run", tmp_path / f"copy {len(changed)}")
        gt.Loop.resume(tmp_path / f"copy {len(changed)}", task, changed=changed).run(data, steps=2)
        assert equal(copied(whole.model), copied(task.model))


def test_skipped_updates_undo_the_state_of_thawed_variables() -> None:
    class Skipping(Transfer):
        def updates(self):
            return tuple(
                attrs.evolve(update, loss=self.sometimes, gradient_options=gt.GradientOptions(skip_nonfinite=True))
                for update in super().updates()
            )

        def sometimes(self, batch, rng):
            losses = self._losses(batch, training=True)
            return gt.Losses({"data": losses.terms["data"] / tf.cast(rng.step < 3, tf.float32)})

    task = make(Skipping)
    loop = loop_on(task)
    loop.run(data, steps=2)
    task.base.trainable = True
    loop.run(data, steps=1)
    before = [np.array(variable.numpy()) for variable in task.variables]
    loop.run(data, steps=2)
    assert equal(before, [np.array(variable.numpy()) for variable in task.variables])


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_discriminator_that_is_frozen_for_a_while(mode: Any) -> None:
    """The generator goes on learning against it."""
    kept: dict[int, list[np.ndarray]] = {}

    def switch(progress: gt.Progress) -> None:
        progress.task.discriminator.trainable = progress.step == 4
        kept[progress.step] = copied(progress.task.discriminator)

    task = make(BatchNormGan)
    loop = loop_on(task, mode, gradient_norms=True, callbacks=[gt.Callback(switch, gt.at(2, 4))])
    loop.run(points(), steps=4)
    generator = copied(task.generator)
    assert equal(kept[2], kept[4])
    loop.run(points(), steps=1)
    assert not equal(kept[4], copied(task.discriminator))
    assert not equal(generator, copied(task.generator))


def test_an_average_of_a_model_with_other_variables_is_refused() -> None:
    task = make(BatchNormGan, generator_decay=0.9)
    loop = loop_on(task)
    loop.run(points(), steps=1)
    task.generator.layers[0].enable_lora(2)
    with pytest.raises(gt.errors.TaskError, match="moving average"):
        loop.run(points(), steps=1)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_a_schedule_that_an_optimizer_is_given_between_calls_is_followed(mode: Any) -> None:
    task = make(Transfer, algorithm="sgd")
    loop = loop_on(task, mode)
    loop.run(data, steps=3)
    before = copied(task.model.layers[-1])
    task.optimizer.learning_rate = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.0])
    loop.run(data, steps=3)
    assert equal(before, copied(task.model.layers[-1]))
