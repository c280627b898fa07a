"""Every recipe trains: one trace for each kind of step, the same in graph and in XLA, and each network moved by its own
update alone."""

import inspect
import sys
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_recipes import BATCH_SIZE, batches, few, small

import gantape as gt
from gantape import zoo
from gantape.commands.recipes import RECIPES
from gantape.steps.step import Step
from gantape.testing import assert_resumes_exactly

BEYOND: dict[str, tuple[type[gt.Task], str]] = {
    "autoencoder": (zoo.VariationalAutoencoder, "images"),
    "distillation": (zoo.Distillation, "labels"),
    "contrastive": (zoo.SimCLR, "images"),
    "diffusion": (zoo.Diffusion, "images"),
}
# XLA of all of them takes minutes: that is among the slow tests.
IN_XLA = ("wgan", "r3gan", "projection", "cyclegan")


def train(recipe: str, mode: Any, steps: int = 20) -> tuple[Any, gt.Loop]:
    task = small(RECIPES[recipe].task_class)
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode, max_traces=1), seed=1)
    history = loop.run(batches(recipe), steps=steps, record=gt.every(steps=1))
    for column in history.columns:
        if "/" in column:
            assert np.isfinite(history.values(column)).all(), column
    assert "1 trace," in loop.explain()
    return task, loop


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_runs_in_a_graph_of_one_trace(recipe: str) -> None:
    task, _ = train(recipe, "graph")
    pictures = task.sample_grid(20, gt.RandomStreams(0), example(recipe))
    assert pictures.shape[2:] == (28, 28, 1)
    assert float(tf.reduce_max(tf.abs(pictures))) <= 1.0


@pytest.mark.parametrize("recipe", IN_XLA)
def test_recipes_run_in_one_xla_program(recipe: str) -> None:
    train(recipe, "xla", steps=3)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["graph", "xla"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_resumes_exactly_in_one_trace(recipe: str, mode: Any) -> None:
    assert_resumes_exactly(
        lambda: small(RECIPES[recipe].task_class),
        batches(recipe),
        steps=200,
        stops=(77,),
        compiler=gt.StepCompiler(mode, max_traces=1),
        record=gt.every(steps=50),
    )


def example(recipe: str) -> Any:
    data = batches(recipe)
    return data.prepare(tf.nest.map_structure(tf.convert_to_tensor, next(iter(data.examples_in_order()))))


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_update_moves_its_own_weights_alone(recipe: str) -> None:
    task = small(RECIPES[recipe].task_class)
    parts = [name for name in task.part_names() if isinstance(getattr(task, name), keras.Model)]
    batch = example(recipe)
    for update in task.updates():
        before = {name: trained(task, name) for name in parts}
        _, gradients = update.gradients(batch, gt.RandomStreams(1).stream(update.name, 0))
        update.move(gradients, tf.constant(0, tf.int64), BATCH_SIZE)
        moved = {name for name in parts if not all(map(np.array_equal, before[name], trained(task, name)))}
        own = {name for name in parts if getattr(task, name) in update.models}
        assert moved - {"averaged_generator"} == own - {"averaged_generator"}, update.name
        assert all(np.isfinite(gradient).all() for gradient in gradients)


def trained(task: Any, name: str) -> list[Any]:
    return [np.array(variable.numpy()) for variable in getattr(task, name).trainable_variables]


@pytest.mark.parametrize("name", BEYOND)
def test_a_task_need_not_be_a_gan(name: str) -> None:
    """An autoencoder, a distillation, a contrastive encoder and a diffusion model learn, each in one trace."""
    task_class, kind = BEYOND[name]
    data = few(512, batch_size=BATCH_SIZE, labels=kind == "labels", pixels=getattr(task_class, "pixels", (0.0, 1.0)))
    data = gt.data.from_arrays(data.arrays, batch_size=16, prepare=data.prepare)
    task = small(task_class, **({"width": 4} if name == "diffusion" else {}))
    loop = gt.Loop(task, compiler=gt.StepCompiler("graph", max_traces=1))
    history = loop.run(data, steps=160, record=gt.every(steps=20))
    column = "student/labels" if name == "distillation" else "loss"
    assert history.values(column)[-1] < 0.9 * history.values(column)[0]
    assert "1 trace," in loop.explain()


@pytest.mark.parametrize("name", BEYOND)
def test_each_of_them_is_a_file_of_eighty_lines(name: str) -> None:
    assert len(inspect.getsource(sys.modules[BEYOND[name][0].__module__]).splitlines()) <= 80


def test_a_student_leaves_its_teacher_alone() -> None:
    task = small(zoo.Distillation)
    student = task.updates()[1]
    before = trained(task, "teacher")
    Step((student,), 0, task.metrics.update).run([example("cgan")], tf.constant(0, tf.int64), ("student",))
    assert all(map(np.array_equal, before, trained(task, "teacher")))


def test_a_weight_of_a_clipped_critic_lies_within_the_limit() -> None:
    task = small(zoo.WGAN)
    gt.Loop(task, compiler=gt.StepCompiler("eager")).run(batches("wgan"), steps=2)
    assert all(np.abs(weights).max() <= np.float32(task.weight_limit) for weights in trained(task, "discriminator"))


def test_the_images_of_a_class_are_in_one_column() -> None:
    task = small(zoo.CGAN)
    conditioning = task.condition.for_grid(3, 10, None)
    assert np.array_equal(np.reshape(conditioning, (3, 10)), np.tile(np.arange(10), (3, 1)))
    latents = task.latents(30, gt.RandomStreams(4), "samples")
    expected = np.reshape(task.generate(latents, conditioning), (3, 10, 28, 28, 1))
    assert np.array_equal(task.sample_grid(30, gt.RandomStreams(4)), expected)


def test_a_translation_shows_sources_results_and_targets() -> None:
    task = small(zoo.Pix2Pix)
    targets, sources = example("pix2pix")
    rows = task.sample_grid(4, gt.RandomStreams(0), (targets, sources))
    assert rows.shape == (6, 2, 28, 28, 1)
    assert np.array_equal(rows[0], sources[:2])
    assert np.array_equal(rows[2], targets[:2])
    assert np.allclose(rows[1], task.averaged_generator(sources, training=False)[:2], atol=1e-6)


def test_images_in_pools_are_variables_of_the_task() -> None:
    task = small(zoo.CycleGAN)
    pooled = [*task.pool_a.variables, *task.pool_b.variables]
    assert set(map(id, pooled)) <= set(map(id, task.variables))
    assert len(pooled) == 4


@pytest.mark.parametrize("mode", ["eager", "xla"])
def test_a_pool_gives_back_what_it_was_given(mode: str) -> None:
    pool = zoo.ImagePool(6, (1, 1, 1))

    def exchange(fresh: Any, step: Any) -> Any:
        return pool.exchange(fresh, gt.RandomStreams(0, step))

    compiled = tf.function(exchange, jit_compile=True) if mode == "xla" else exchange
    given: set[float] = set()
    old = 0
    for step in range(30):
        fresh = np.arange(4.0 * step + 1, 4.0 * step + 5, dtype="float32")
        given |= set(fresh)
        back = [float(value) for value in np.ravel(compiled(tf.reshape(fresh, [4, 1, 1, 1]), tf.constant(step)))]
        assert set(back) <= given
        assert len(set(back)) == 4
        if step == 0:
            assert back == fresh.tolist()
        old += len(set(back) - set(fresh))
    kept = np.ravel(pool.variables[0].numpy())
    assert len(set(kept)) == 6
    assert set(kept) <= given
    assert 0.3 < old / 112 < 0.7
    with pytest.raises(gt.errors.ShapeError, match="larger than the pool"):
        pool.exchange(tf.zeros([7, 1, 1, 1]), gt.RandomStreams(0))


def test_a_pool_exchanges_every_image_of_a_batch_whose_size_the_graph_does_not_know() -> None:
    pools = [zoo.ImagePool(6, (1, 1, 1)) for _ in range(2)]
    exchange = tf.function(
        lambda fresh, step: pools[1].exchange(fresh, gt.RandomStreams(0, step)),
        input_signature=[tf.TensorSpec([None, 1, 1, 1]), tf.TensorSpec([], tf.int32)],
    )
    for step, count in enumerate((4, 3, 5)):
        fresh = tf.reshape(tf.range(count, dtype=tf.float32) + 10.0 * step, [count, 1, 1, 1])
        np.testing.assert_array_equal(exchange(fresh, step), pools[0].exchange(fresh, gt.RandomStreams(0, step)))
