"""A run that watches itself: when it looks, what that may cost, what it says and writes, and that training does not notice."""

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

import gantape as gt
from gantape import evaluation as ev
from gantape.evaluation.evidence import Series
from gantape.evaluation.vital_signs import VitalSigns
from gantape.evaluation.watching import EVERY_STEPS, FIRST_SECONDS, Failures, LookSchedule, TimeBudget

layers = keras.layers


@pytest.fixture(name="lines")
def _lines() -> Iterator[list[str]]:
    """What the log says."""
    lines: list[str] = []
    sink = logger.add(lines.append, format="{level} {message}", level="INFO", filter=lambda line: "health" in line["name"])
    logger.enable("gantape")
    yield lines
    logger.disable("gantape")
    logger.remove(sink)


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
    expected = ev.separation(*[copy_of(task.discriminator)(seen, training=True) for seen in (real, fake)])
    assert values["separation"] == pytest.approx(expected)
    assert values["separation"] != ev.separation(*[task.discriminator(seen, training=False) for seen in (real, fake)])


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
    assert steps == [1, 50, 100, 150, 200, 250, 300, 350, 400, 500, 625, 781, 976, 1220]


@given(st.integers(0, 10**6), st.integers(0, 10**4))
def test_a_look_is_due_exactly_where_the_next_one_is_announced(step: int, more: int) -> None:
    schedule = LookSchedule()
    due = schedule.next_step(step)
    assert step < due <= max(step + EVERY_STEPS, 1.25 * step + 1)
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
    assert budget.warm_up == pytest.approx(costs[0])
    assert budget.spent <= 0.01 * max(seconds, FIRST_SECONDS) + max(costs)


def test_a_look_that_would_exceed_the_share_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look takes 0.4 seconds of a clock of the test's own: two fit into the hundredth of the first 100 seconds."""
    task, data = tiny.make(tiny.PointGan), tiny.points()
    check = ev.HealthCheck(data, share=0.01)
    check._budget.clock = itertools.count(0.0, 0.4).__next__
    history = gt.Loop(task, callbacks=[gt.Callback(check, gt.every(steps=1))]).run(data, steps=10)
    assert [row["step"] for row in rows_of(history)] == [1, 2, 3]  # the first one warms up and does not count
    assert check.facts() == {"health": []}


# --- what is said


def finding(name: str, words: str = "It fails") -> ev.Finding:
    return ev.Finding(name, words, "this")


def test_a_failure_is_news_once_and_again_when_it_is_back() -> None:
    failures = Failures()
    said = []
    for step, found in enumerate(["a", "a", "", "a", "", "", "", "a"]):
        new, over = failures.note([finding(found)] if found else [], step)
        said.append(("+" * len(new)) + ("-" * len(over)))
    assert said == ["+", "", "", "", "", "-", "", "+"]
    assert failures.record() == [{"name": "a", "words": "It fails", "advice": "this", "step": 7, "recovered": None}]


@given(st.lists(st.sets(st.sampled_from("abc")), max_size=12), st.integers(0, 12))
def test_a_state_in_the_middle_makes_no_difference(looks: list[set[str]], cut: int) -> None:
    whole, parts = Failures(), Failures()
    for step, found in enumerate(looks):
        if step == cut:
            parts = Failures.of(json.loads(json.dumps(parts.state())))
        findings = [finding(name) for name in sorted(found)]
        assert [list(map(str, part)) for part in whole.note(findings, step)] == [
            list(map(str, part)) for part in parts.note(findings, step)
        ]
    assert whole.record() == parts.record()


class Scripted(ev.HealthCheck):
    """A check that measures what the test says."""

    def __init__(self, looks: list[dict[str, float]]) -> None:
        super().__init__(tiny.points())
        self._signs: Any = self
        self._script = iter(looks)

    def measure(self) -> dict[str, float]:
        return next(self._script)


FAR = {"separation": 1.0, "distance": 1.0, "diversity": 0.8}
NEAR = {"separation": 0.8, "distance": 0.1, "diversity": 0.9}


def watch(looks: list[dict[str, float]], *, run_dir: Path | None = None) -> None:
    """Look after every 100 steps, and at the end."""
    task, data = tiny.make(tiny.PointGan), tiny.points()
    check = gt.Callback(Scripted(looks), gt.every(steps=100) | gt.at_end())
    gt.Loop(task, callbacks=[check], run_dir=run_dir).run(data, steps=100 * len(looks))


def test_a_failure_is_said_when_it_is_seen_and_at_the_end_and_is_in_the_record(tmp_path: Path, lines: list[str]) -> None:
    watch([FAR] * 8, run_dir=tmp_path / "run")
    early, late = lines
    sentence = (
        "The discriminator has won: it tells real from fake with probability 1.000 for 300 steps, and no sample is near the "
        "data. Try a lower learning rate, a penalty (gantape.losses.R1) or a smaller discriminator.\n"
    )
    assert early == f"WARNING step 500: {sentence}"
    assert late == f"WARNING at the end: {sentence}"
    (entry,) = json.loads((tmp_path / "run/run.json").read_text())["health"]
    assert (entry["name"], entry["step"], entry["recovered"]) == ("the discriminator has won", 500, None)
    assert f"{entry['words']}. Try {entry['advice']}.\n" == sentence


def test_a_failure_that_is_overcome_is_said_to_be_over(tmp_path: Path, lines: list[str]) -> None:
    watch([FAR] * 6 + [NEAR] * 3, run_dir=tmp_path / "run")
    assert lines[1:] == [
        "INFO step 800: the discriminator has won at step 500; recovered by step 800\n",
        "INFO health: there was the discriminator has won at step 500; recovered by step 800\n",
    ]
    (entry,) = json.loads((tmp_path / "run/run.json").read_text())["health"]
    assert (entry["step"], entry["recovered"]) == (500, 800)


def test_all_well_is_said_at_the_end_and_is_an_empty_list_in_the_record(tmp_path: Path, lines: list[str]) -> None:
    watch([NEAR] * 8, run_dir=tmp_path / "run")
    (line,) = lines
    assert line.startswith("INFO health: nothing wrong was found in 8 looks (")
    assert json.loads((tmp_path / "run/run.json").read_text())["health"] == []


def test_the_record_has_a_failure_while_the_run_still_goes_on(tmp_path: Path) -> None:
    """Checkpoints are minutes apart; the record is written after each look."""
    seen = []

    def read(progress: gt.Progress) -> None:
        seen.append([entry["step"] for entry in json.loads((tmp_path / "run/run.json").read_text())["health"]])

    task, data = tiny.make(tiny.PointGan), tiny.points()
    callbacks = [gt.Callback(Scripted([FAR] * 9), gt.every(steps=100)), gt.Callback(read, gt.at(500, 650))]
    gt.Loop(task, callbacks=callbacks, run_dir=tmp_path / "run").run(data, steps=700)
    assert seen == [[], [500]]


def test_a_resumed_run_says_nothing_twice(tmp_path: Path, lines: list[str]) -> None:
    data = tiny.points()
    for place in (0, 1):
        check = gt.Callback(Scripted([FAR] * 8), gt.every(steps=100))
        if place:
            loop = gt.Loop.resume(tmp_path / "run", tiny.make(tiny.PointGan), callbacks=[check])
        else:
            loop = gt.Loop(tiny.make(tiny.PointGan), callbacks=[check], run_dir=tmp_path / "run")
        loop.run(data, steps=750 if place == 0 else 350)
    assert [line[:17] for line in lines] == ["WARNING step 500:", "WARNING at the en"]
    assert [entry["step"] for entry in loop.callbacks[0].action.facts()["health"]] == [500]


# --- facts of any action


class Weather:
    """An action that adds to the record, as anyone may write one."""

    def __init__(self) -> None:
        self.degrees = 0

    def __call__(self, progress: gt.Progress) -> None:
        self.degrees += 1

    def facts(self) -> dict[str, Any]:
        return {"weather": self.degrees, "steps": -1}


def test_an_action_adds_facts_to_the_record_and_does_not_replace_those_of_the_loop(tmp_path: Path) -> None:
    assert isinstance(Weather(), gt.callbacks.Contributor)
    loop = gt.Loop(tiny.make(tiny.Classifier), callbacks=[gt.Callback(Weather(), gt.every(steps=2))], run_dir=tmp_path / "run")
    loop.run(tiny.labelled(), steps=6)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert (record["weather"], record["steps"]) == (3, 6)


# --- histories of real runs, and real runs


def rows(steps: list[int], **columns: list[float]) -> list[dict[str, Any]]:
    named = {name.replace("__", "/"): values for name, values in columns.items()}
    return [{"step": step, "split": "validation"} | {name: v[n] for name, v in named.items()} for n, step in enumerate(steps)]


LOOKS = [50, 100, 150, 200, 250, 300, 350, 400]
"""Of light DCGANs on the embedded digits, as a measuring script saw them."""

HEALTHY = {
    "dcgan": ([1.83, 1.86, 1.65, 1.16, 0.34, 0.15, 0.11, 0.10], [0.26, 0.37, 0.45, 0.47, 0.73, 0.77, 0.81, 0.87]),
    "lsgan": ([1.78, 1.39, 0.80, 0.42, 0.31, 0.30, 0.29, 0.28], [0.17, 0.33, 0.48, 0.60, 0.74, 0.84, 0.89, 0.92]),
    "sngan": ([1.84, 1.58, 0.91, 0.46, 0.34, 0.33, 0.32, 0.31], [0.16, 0.24, 0.35, 0.52, 0.78, 0.90, 0.96, 0.95]),
    "slow dcgan": ([1.91, 1.82, 1.85, 1.80, 1.71, 1.44, 1.31, 1.20], [0.18, 0.35, 0.49, 0.55, 0.57, 0.53, 0.51, 0.48]),
}
FAILED = {
    "seed 1": ([2.14, 2.25, 2.06, 1.49, 0.99, 0.93, 1.01, 1.03], [0.26, 0.38, 0.43, 0.40, 0.26, 0.19, 0.11, 0.14]),
    "seed 3": ([1.87, 1.93, 1.77, 1.63, 1.42, 1.50, 1.45, 1.51], [0.25, 0.36, 0.42, 0.40, 0.32, 0.30, 0.26, 0.20]),
    "joint batch": ([2.01, 2.10, 2.12, 2.15, 2.15, 2.15, 2.17, 2.17], [0.24, 0.35, 0.40, 0.44, 0.50, 0.55, 0.55, 0.54]),
    "high rate": ([1.82, 1.63, 1.52, 1.94, 1.83, 1.66, 1.65, 1.73], [0.29, 0.35, 0.39, 0.57, 0.34, 0.35, 0.30, 0.33]),
}


@pytest.mark.parametrize("separation", [0.7, 1.0])
@pytest.mark.parametrize("run", HEALTHY)
def test_healthy_runs_raise_no_alarm_at_any_look_whatever_the_scores(run: str, separation: float) -> None:
    distance, diversity = HEALTHY[run]
    history = rows(LOOKS, distance=distance, diversity=diversity, separation=[separation] * 8)
    assert [ev.diagnose(history[:looks]) for looks in range(9)] == [()] * 9


def test_a_gradient_that_falls_while_samples_come_nearer_is_healthy() -> None:
    """Of a packed DCGAN: at the first step, samples of an untrained generator get a long gradient."""
    gradient = [22.8, 1.69, 0.76, 0.81, 0.84, 1.58, 1.35, 0.97]
    distance = [2.36, 2.16, 2.08, 1.72, 1.56, 1.08, 0.24, 0.10]
    history = rows([1, *LOOKS[:-1]], sample_gradient=gradient, distance=distance)
    assert [ev.diagnose(history[:looks]) for looks in range(9)] == [()] * 9


@pytest.mark.parametrize("run", FAILED)
def test_failed_runs_are_found_out_within_four_hundred_steps_and_not_before_three_hundred(run: str) -> None:
    distance, diversity = FAILED[run]
    history = rows(LOOKS, distance=distance, diversity=diversity, separation=[0.95] * 8)
    assert ev.diagnose(history)
    assert [ev.diagnose(history[:looks]) for looks in range(6)] == [()] * 6


@given(st.lists(st.floats(0.7, 3.0), min_size=8, max_size=8))
def test_samples_that_halve_their_distance_are_never_said_to_stay_far(rng: list[float]) -> None:
    distance = [2.0 ** -(look / 2.0) * (1.0 + 0.01 * part) for look, part in enumerate(rng)]
    history = rows(LOOKS, distance=distance, separation=[1.0] * 8)
    assert [ev.diagnose(history[:looks]) for looks in range(9)] == [()] * 9


@given(st.floats(0.7, 5.0), st.integers(6, 40))
def test_a_distance_that_does_not_change_has_stalled(distance: float, looks: int) -> None:
    steps = [50 * (look + 1) for look in range(looks)]
    found = [found.name for found in ev.diagnose(rows(steps, distance=[distance] * looks))]
    assert found == ["samples stay far from the data"]
    assert Series(np.array(steps, float), np.full(looks, distance)).has_stalled(0.05)


def test_every_sentence_is_short_and_plain() -> None:
    """The worst case of each rule, in one line of at most 250 characters."""
    steps = [200 * (look + 1) for look in range(40)]
    one = np.ones(40)
    columns = {
        "separation": one, "distance": 2.0 * one, "diversity": 0.1 * one, "latent_diversity": 0.1 * one,
        "largest_class": 0.9 * one,
        "generator__gradient_norm": np.geomspace(1e3, 1e-3, 40), "discriminator__loss": np.geomspace(1.0, 1e6, 40),
        "generator__loss": 30.0 * np.sin(0.8 * np.arange(40)), "frozen_statistics": 12.0 * one,
        "real_low": -0.123456 * one, "real_high": 0.123456 * one, "fake_low": -0.123456 * one, "fake_high": 0.123456 * one,
    }  # fmt: skip
    found = ev.diagnose(rows(steps, **{name: list(map(float, values)) for name, values in columns.items()}))
    assert len(found) == len(ev.RULES) - 1  # samples stay far, but other rules have said why
    for text in map(str, found):
        assert len(text) <= 250, text
        assert text[0] in "ABCDEFGHIJKLMNOPQRSTUVWXYZ`"
        assert text.count(". Try ") == 1
        assert text.endswith(".")


@pytest.mark.parametrize(
    ("failure", "found"),
    [
        ("healthy", []),
        ("vanishing", ["the discriminator has won"]),
        ("collapse", ["mode collapse"]),
        ("range", ["wrong image range"]),
    ],
)
def test_one_callback_finds_out_a_run_that_fails(
    failure: str, found: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from reliability.failures import FAILURES

    way = FAILURES[failure]
    keras.utils.set_random_seed(0)
    task, data = way.task(), way.data()
    loop = gt.Loop(task, callbacks=[ev.watch_health(data)], run_dir=tmp_path / "run", checkpoints=None)
    loop.run(data, steps=way.steps)
    named = {entry["name"] for entry in json.loads((tmp_path / "run/run.json").read_text())["health"]}
    assert named >= set(found) if found else not named  # one failure brings others
    sys.modules.pop("failures")
