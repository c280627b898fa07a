"""A run that watches itself: when it looks, what that may cost, what it says and writes, and that training does not notice."""

import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import scipy.spatial
import tiny
from hypothesis import given
from hypothesis import strategies as st

import gantape as gt
from gantape import evaluation as ev
from gantape.evaluation.vital_signs import VitalSigns
from gantape.evaluation.watching import EVERY_STEPS, FIRST_SECONDS, LookSchedule, TimeBudget

layers = keras.layers


class NormedGan(tiny.PointGan):
    """A discriminator with batch norm, dropout and a spectral norm, all of which training=True changes."""

    def build_discriminator(self) -> Any:
        hidden = [gt.layers.SpectralNorm(layers.Dense(8)), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.2)]
        return keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(1)])


class PackedGan(tiny.PointGan):
    """A discriminator that scores pairs."""

    def build_discriminator(self) -> Any:
        return keras.Sequential([keras.Input((2,)), gt.layers.Pack(2), layers.Dense(1)])


class PatchGan(gt.AdversarialTask):
    """Images of 4×4, with a score for each quarter."""

    latent_size: int = 3

    def build_generator(self) -> Any:
        return keras.Sequential(
            [keras.Input((3,)), layers.Dense(16, activation="tanh"), layers.Reshape((4, 4, 1))],
        )

    def build_discriminator(self) -> Any:
        return keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(1, 2, strides=2)])

    def build_generator_optimizer(self) -> Any:
        return keras.optimizers.SGD(0.01)

    def build_discriminator_optimizer(self) -> Any:
        return keras.optimizers.SGD(0.01)


class Critic(tiny.PointGan):
    """A Wasserstein critic."""

    def build_loss(self) -> Any:
        return gt.losses.Wasserstein()


class Relativistic(tiny.PointGan):
    """A generator whose loss sees real scores as well, with one pass of the discriminator for both."""

    joint_batch: bool = True

    def build_loss(self) -> Any:
        return gt.losses.RelativisticPairing()


def pictures() -> gt.data.ArrayBatches:
    images = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 4, 4, 1)).astype(np.float32)
    return gt.data.from_arrays(images, batch_size=4)


def rows_of(history: gt.History) -> list[dict[str, Any]]:
    return [dict(row) for row in history if "separation" in row]


# --- what is measured


@pytest.mark.parametrize("task_class", [NormedGan, PackedGan, Critic, Relativistic, tiny.PointGan, PatchGan])
def test_a_look_changes_nothing_and_measures_finite_numbers(task_class: type[Any]) -> None:
    task, data = tiny.make(task_class), pictures() if task_class is PatchGan else tiny.points(20)
    before = tiny.weights(task)
    signs = VitalSigns(task, data, 32, 0)
    values = signs.measure()
    assert tiny.identical(before, tiny.weights(task))
    assert all(np.isfinite(list(values.values())))
    assert values["sample_gradient"] > 0.0
    assert values == signs.measure()
    assert ("real_low" in values) == (task_class is PatchGan)


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_training_is_the_same_bit_for_bit_with_and_without_looks(mode: Any) -> None:
    found = []
    for watched in (False, True):
        task, data = tiny.make(NormedGan), tiny.points()
        callbacks = [ev.watch_health(data), gt.Callback(ev.HealthCheck(data), gt.every(steps=3))] if watched else []
        gt.Loop(task, compiler=gt.StepCompiler(mode), callbacks=callbacks).run(data, steps=20)
        found.append(tiny.weights(task))
    assert tiny.identical(*found)


class BatchNormedScores(tiny.PointGan):
    """A discriminator with batch norm first, and statistics that have not moved."""

    def build_discriminator(self) -> Any:
        return keras.Sequential([keras.Input((2,)), layers.BatchNormalization(), layers.Dense(8, "tanh"), layers.Dense(1)])


def test_scores_are_those_of_training_with_the_statistics_of_the_batch() -> None:
    task, data = tiny.make(BatchNormedScores), tiny.points(20)
    values = VitalSigns(task, data, 20, 0).measure()
    real, fake = tiny_arrays(task, data)
    expected = ev.auroc(*[copy_of(task.discriminator)(seen, training=True) for seen in (real, fake)])
    assert values["separation"] == pytest.approx(expected)
    assert values["separation"] != ev.auroc(*[task.discriminator(seen, training=False) for seen in (real, fake)])


def tiny_arrays(task: Any, data: Any) -> tuple[Any, Any]:
    real = np.concatenate([np.asarray(batch) for batch in data.examples_in_order()])
    return real, np.asarray(task.sample(len(real), gt.RandomStreams(0)))


def copy_of(network: Any) -> Any:
    copied = keras.models.clone_model(network)
    copied.set_weights(network.get_weights())
    return copied


@given(st.integers(0, 2**31), st.integers(1, 3))
def test_the_distance_is_none_for_other_real_examples_and_large_for_noise(seed: int, width: int) -> None:
    """Real examples lie on a line; others from it are near, those that have left it by many of its lengths are far."""
    generator = np.random.default_rng(seed)

    class Fixed(tiny.PointGan):
        def sample(self, count: Any, rng: Any, batch: Any = None) -> Any:
            return examples[:count] + keras.ops.convert_to_tensor(shift)

    examples = np.stack([generator.uniform(0.0, width, 64), np.zeros(64)], axis=1).astype(np.float32)
    task = tiny.make(Fixed)
    data = gt.data.from_arrays(
        np.stack([generator.uniform(0.0, width, 64), np.zeros(64)], axis=1).astype(np.float32), batch_size=8
    )
    shift = np.zeros(2, np.float32)
    near = VitalSigns(task, data, 32, 0).measure()["distance"]
    shift = np.array([0.0, 5.0 * width], np.float32)
    far = VitalSigns(task, data, 32, 0).measure()["distance"]
    assert abs(near) < 0.2
    assert far > 5.0


@given(st.integers(0, 2**31), st.integers(1, 32))
def test_the_spacing_is_that_of_samples_over_that_of_real_examples(seed: int, different: int) -> None:
    generator = np.random.default_rng(seed)
    samples = generator.normal(size=(different, 2))[np.arange(32) % different].astype(np.float32)

    class Fixed(tiny.PointGan):
        def sample(self, count: Any, rng: Any, batch: Any = None) -> Any:
            return keras.ops.convert_to_tensor(samples[:count])

    signs = VitalSigns(tiny.make(Fixed), tiny.points(64), 32, 0)
    found = signs.measure()["spacing"]
    nearest, nearest_real = (
        np.median(np.sort(scipy.spatial.distance.cdist(points, points), axis=1)[:, 1]) for points in (samples, signs._real)
    )
    assert found == pytest.approx(nearest / nearest_real, rel=1e-4, abs=1e-6)
    assert (found < 1e-6) == (different < 24)  # then most samples have a copy


def test_examples_that_are_sorted_by_class_are_drawn_from_all_of_them() -> None:
    sorted_points = np.repeat([[0.0, 0.0], [9.0, 9.0]], 500, axis=0).astype(np.float32)
    signs = VitalSigns(tiny.make(tiny.PointGan), gt.data.from_arrays(sorted_points, batch_size=10), 20, 0)
    assert set(signs._real[:, 0]) == {0.0, 9.0}


def test_a_task_without_latents_is_refused(tmp_path: Path) -> None:
    task, data = tiny.make(tiny.Classifier), tiny.labelled()
    with pytest.raises(gt.errors.TaskError, match="generator and a discriminator"):
        gt.Loop(task, callbacks=[ev.watch_health(data)]).run(data, steps=1)


# --- when, and for how long


def test_looks_are_dense_at_first_and_then_rare() -> None:
    schedule, step, steps = LookSchedule(), 0, []
    while step < 1000:
        step = schedule.next_step(step)
        steps.append(step)
    assert steps == [1, 100, 200, 300, 400, 600, 900, 1350]


@given(st.integers(0, 10**6), st.integers(0, 10**4))
def test_a_look_is_due_exactly_where_the_next_one_is_announced(step: int, more: int) -> None:
    schedule = LookSchedule()
    due = schedule.next_step(step)
    assert step < due <= max(step + EVERY_STEPS, 1.5 * step + 1)
    assert schedule.due(gt.RunState(step), gt.RunState(step + more)) == (due <= step + more)
    assert not schedule.due(None, gt.RunState(step))


@given(st.lists(st.floats(1e-3, 0.5), min_size=1, max_size=40), st.floats(0.01, 10.0))
def test_looks_keep_within_their_share_of_the_time(costs: list[float], gap: float) -> None:
    """The time is the test's own. No look is begun that would exceed the share by what the one before it took."""
    now = itertools.accumulate(itertools.chain.from_iterable((0.0, cost) for cost in costs))
    budget = TimeBudget(0.01, clock=now.__next__)
    seconds = 0.0
    for cost in costs:
        seconds += gap
        expected = budget.spent + budget.newest
        if budget.allows(seconds):
            assert expected <= 0.01 * max(seconds, FIRST_SECONDS)
            with budget.measured():
                seconds += cost
    assert budget.spent <= 0.01 * max(seconds, FIRST_SECONDS) + max(costs)


def test_a_look_that_would_exceed_the_share_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look takes 0.19 seconds of a clock of the test's own: three fit into the hundredth of the first minute."""
    task, data = tiny.make(tiny.PointGan), tiny.points()
    check = ev.HealthCheck(data, share=0.01)
    check._budget.clock = itertools.count(0.0, 0.19).__next__
    history = gt.Loop(task, callbacks=[gt.Callback(check, gt.every(steps=1))]).run(data, steps=10)
    assert [row["step"] for row in rows_of(history)] == [1, 2, 3]
    assert check.facts() == {"health": []}
