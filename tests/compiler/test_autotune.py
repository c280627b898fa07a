"""Mode "auto": measurements are compared by what a run costs, training is that of the named mode, and measurements are kept."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger
from tiny import COMPILED, PointGan, identical, make, points, weights

import gantape as gt
from gantape.compiler import autotune
from gantape.compiler.autotune import LARGEST_TRIAL, LONGEST_TRIAL, SHARE_OF_RUN, Tuner
from gantape.compiler.trials import RunLength, Trial, TuningResult
from gantape.errors import CompileError

seconds = st.floats(1e-6, 1e3)
measured = st.lists(
    st.builds(Trial, st.sampled_from(COMPILED), seconds, seconds),
    min_size=1,
    max_size=3,
    unique_by=lambda found: found.mode,
)


@given(measured, st.integers(1, 10**6))
def test_the_chosen_mode_ends_a_run_of_steps_first(measurements, steps):
    ends = {found.mode: found.compile_seconds + steps * found.seconds_per_step for found in measurements}
    assert ends[TuningResult(tuple(measurements), RunLength(steps=steps)).mode] == min(ends.values())


@given(measured, st.floats(0.1, 1e5))
def test_the_chosen_mode_does_most_steps_in_a_run_of_seconds(measurements, length):
    steps = {found.mode: max(length - found.compile_seconds, 0.0) / found.seconds_per_step for found in measurements}
    chosen = steps[TuningResult(tuple(measurements), RunLength(seconds=length)).mode]
    assert chosen == pytest.approx(
        max(steps.values()), rel=1e-6, abs=1e-6 * length / min(f.seconds_per_step for f in measurements)
    )


def test_a_long_compile_is_worth_it_in_a_long_run_only():
    slow, fast = Trial("graph", 1.0, 0.1), Trial("xla", 21.0, 0.05)
    assert [TuningResult((slow, fast), RunLength(steps=steps)).mode for steps in (50, 1_000)] == ["graph", "xla"]
    assert TuningResult((slow, fast), RunLength()).mode == "xla"


@pytest.mark.parametrize(
    ("steps", "tried"),
    [(10_000, ["graph"]), (10_100, ["graph", "xla"]), (20_100, COMPILED), (None, COMPILED)],
    ids=["short", "long enough for one", "long enough", "endless"],
)
def test_xla_is_tried_in_runs_that_are_long_beside_its_compiling_only(steps, tried, monkeypatch):
    tuner, looks = fake_tuner(monkeypatch)
    tuner.choose(reader(), 0, RunLength(steps=steps))
    assert looks == list(tried)


@pytest.mark.parametrize(
    ("seconds", "tried"), [(40, ["graph"]), (50, ["graph", "xla-loop"]), (101, ["graph", "xla-loop", "xla"])]
)
def test_the_loop_in_xla_is_tried_first_and_in_shorter_runs_if_steps_are_short(seconds, tried, monkeypatch):
    tuner, looks = fake_tuner(monkeypatch, {"graph": Trial("graph", 1.0, 0.0005), "xla-loop": Trial("xla-loop", 3.0, 0.0001)})
    tuner.choose(reader(), 0, RunLength(seconds=seconds))
    assert looks == tried


def test_the_graph_is_not_measured_if_nothing_else_can_be_tried(tmp_path):
    """A trial runs the first step and one more then, and spends no time on knowing it better."""
    seen = []
    for name, length in (("short", {"steps": 3}), ("long", {"minutes": 60.0})):
        stop = gt.Callback(lambda progress: gt.Stop("seen enough"), gt.at(3))
        compiler = gt.StepCompiler("auto", autotune_cache=tmp_path / name)
        gt.Loop(make(PointGan), compiler=compiler, callbacks=[stop], progress=False).run(points(), **length)
        ((graph, *_),) = json.loads((tmp_path / name).read_text()).values()
        seen.append(graph)
    short, long = seen
    assert short["measured"] == short["seconds_per_step"]
    assert long["measured"] > 10 * long["seconds_per_step"]


def reader():
    return gt.data.PeekableReader(points().open(0, gt.data.Position()))


def fake_tuner(monkeypatch, trials=None, cache=None):
    """A tuner whose measurements are given, by default a second to compile and ten milliseconds a step, and what it tries."""
    looks = []
    given = {mode: Trial(mode, 1.0, 0.01, measured=LONGEST_TRIAL) for mode in COMPILED} | (trials or {})

    def measure(compiled, *_):
        looks.append(compiled.mode)
        return given[compiled.mode]

    monkeypatch.setattr(autotune, "_measure", measure)
    step = gt.Step(make(PointGan).updates(), seed=0, update_metrics=lambda _: None)
    return Tuner(gt.StepCompiler("auto", autotune_cache=cache), step), looks


def test_a_much_longer_run_is_worth_another_look(monkeypatch):
    tuner, looks = fake_tuner(monkeypatch, {"xla": Trial("xla", 2.0, 0.005, measured=LONGEST_TRIAL)})
    chosen = [tuner.choose(reader(), 0, RunLength(steps=steps))[1].mode for steps in (100, 1_000, 100_000, 10**6)]
    assert chosen == ["graph", "graph", "xla", "xla"]
    assert looks == ["graph", "xla", "xla-loop"]  # each once: they were measured long enough


def test_a_mode_that_was_measured_briefly_is_measured_again_in_a_long_run(monkeypatch):
    tuner, looks = fake_tuner(monkeypatch, {"graph": Trial("graph", 1.0, 0.01, measured=0.02)})
    for steps in (100, 100, 10**6):
        tuner.choose(reader(), 0, RunLength(steps=steps))
    assert looks == ["graph", *COMPILED]


@given(measured, st.integers(1, 10**7), st.floats(1.0, 1e5))
def test_another_look_takes_a_small_share_of_the_run(measurements, first, longer):
    given_trials = {found.mode: found for found in measurements}
    with pytest.MonkeyPatch.context() as patch:
        tuner, looks = fake_tuner(patch, given_trials)
        known = tuner.choose(reader(), 0, RunLength(steps=first))[0].measurements
        seen = len(looks)
        length = RunLength(steps=int(first * longer))
        tuner.choose(reader(), 0, length)
    best = min(known, key=lambda found: found.seconds_per_step)
    graph = next(found for found in known if found.mode == "graph")
    compiled = {found.mode for found in known}
    trial = min(LONGEST_TRIAL, LARGEST_TRIAL * best.remaining(length))
    # XLA takes about four times as long to compile as the graph
    spent = sum(trial + (0.0 if mode in compiled else 4.0 * graph.compile_seconds) for mode in looks[seen:])
    assert spent <= SHARE_OF_RUN * best.remaining(length)


def test_the_choice_of_a_short_run_is_not_kept_for_long_runs_of_other_processes(tmp_path, monkeypatch):
    file = tmp_path / "modes.json"
    fast = {"xla": Trial("xla", 2.0, 0.005, measured=LONGEST_TRIAL)}
    chosen = []
    for steps, seen in ((100, ["graph"]), (100, []), (100_000, ["xla", "xla-loop"]), (100_000, []), (100, [])):
        tuner, looks = fake_tuner(monkeypatch, fast, cache=file)
        chosen.append(tuner.choose(reader(), 0, RunLength(steps=steps))[1].mode)
        assert looks == seen
    assert chosen == ["graph", "graph", "xla", "xla", "graph"]


def test_a_loop_goes_on_in_another_mode_in_a_much_longer_run(monkeypatch):
    """It says so, and the means go on over the change."""
    _, looks = fake_tuner(monkeypatch, {"xla": Trial("xla", 2.0, 0.001, measured=LONGEST_TRIAL)})
    said = []
    sink = logger.add(said.append, level="INFO")
    logger.enable("gantape")

    def trained(mode):
        stop = gt.Callback(lambda progress: gt.Stop("seen enough"), gt.at(6))
        loop = gt.Loop(make(PointGan), compiler=gt.StepCompiler(mode), callbacks=[stop], seed=2, progress=False)
        loop.run(points(), steps=3, record=gt.at(6))
        before = loop.explain()
        loop.run(points(), minutes=60.0, record=gt.at(6))
        return loop, before

    try:
        (auto, before), (named, _) = trained("auto"), trained("graph")
    finally:
        logger.disable("gantape")
        logger.remove(sink)
    assert looks == list(COMPILED)
    assert "mode graph," in before
    assert "mode xla," in auto.explain()
    assert any("another look at the modes" in text for text in said)
    for one, other in zip(weights(auto.task), weights(named.task), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    for name in ("generator/loss", "discriminator/loss"):
        np.testing.assert_allclose(auto.history.last()[name], named.history.last()[name], rtol=1e-5)


@given(measured, st.integers(1, 10**6))
def test_a_mode_that_fails_is_never_chosen(measurements, steps):
    failing = Trial("eager", 0.0, math.inf, "no such op")
    choice = TuningResult((failing, *measurements), RunLength(steps=steps))
    assert choice.mode != "eager"
    assert "fails" in choice.table()


def run(mode, steps=40, measurements=None, **hyperparameters):
    compiler = gt.StepCompiler(mode, autotune_cache=measurements)
    loop = gt.Loop(make(PointGan, **hyperparameters), compiler=compiler, seed=2)
    loop.run(points(), steps=steps)
    assert loop.history.stopped_by == f"{steps} steps"  # not by a signal, such as that of `timeout`
    return loop


def test_training_is_that_of_the_chosen_mode_bit_for_bit(tmp_path):
    """Trials run on the run's own state, and leave it as it was; whichever mode is chosen is the same training."""
    file = tmp_path / "modes.json"
    run("auto", measurements=file)
    (key, found), *_ = json.loads(file.read_text()).items()
    for mode in {measurement["mode"] for measurement in found}:
        for measurement in found:
            measurement["seconds_per_step"] = 0.001 if measurement["mode"] == mode else 1.0
        file.write_text(json.dumps({key: found}))
        auto, named = run("auto", measurements=file), run(mode)
        assert f"mode {mode}," in auto.explain()
        assert identical(weights(auto.task), weights(named.task))
    fresh = run("auto")
    (chosen,) = [mode for mode in COMPILED if f"mode {mode}," in fresh.explain()]
    assert identical(weights(fresh.task), weights(run(chosen).task))


def test_saved_measurements_are_reused_for_the_same_task_and_shapes_only(tmp_path):
    file = tmp_path / "modes.json"
    run("auto", measurements=file)
    first = json.loads(file.read_text())
    run("auto", measurements=file)
    assert json.loads(file.read_text()) == first
    run("auto", measurements=file, latent_size=5)
    assert len(json.loads(file.read_text())) == 2


@pytest.mark.parametrize(
    "damaged",
    [
        "{",
        "[]",
        '{"key": 5}',
        '{"key": [{"mode": "xla"}]}',
        '{"key": [{"mode": "eggs", "compile_seconds": 1, "seconds_per_step": 1}]}',
        '{"key": [{"mode": "xla", "compile_seconds": 1, "seconds_per_step": "1"}]}',
        '{"key": [{"mode": "xla", "compile_seconds": 1, "seconds_per_step": 0}]}',
    ],
)
def test_a_broken_file_of_measurements_is_replaced(damaged, tmp_path):
    file = tmp_path / "modes.json"
    file.write_text(damaged)
    said = []
    sink = logger.add(said.append, level="WARNING")
    logger.enable("gantape")
    try:
        run("auto", measurements=file)
    finally:
        logger.disable("gantape")
        logger.remove(sink)
    assert len(json.loads(file.read_text())) == 1
    assert ["holds no measurements" in text for text in said] == [True]


def test_explain_shows_what_was_tried():
    loop = run("auto")
    table = loop.explain()
    assert "compile s" in table
    assert table.count("*") == 1
    assert "graph" in table


def test_a_step_that_cannot_be_traced_ends_in_one_error_with_the_users_line():
    class Broken(PointGan):
        def generator_loss(self, batch, rng):
            return gt.Losses({"loss": rng.normal("n", []).numpy()})

    with pytest.raises(CompileError, match="a traced tensor has no value yet") as caught:
        gt.Loop(make(Broken), compiler=gt.StepCompiler("auto")).run(points(), steps=3)
    assert "in generator_loss" in caught.value.where
    assert "eager" in caught.value.do


def test_a_mode_that_xla_cannot_compile_is_left_out():
    """Graphs have strings, XLA has none."""

    class Dynamic(PointGan):
        def generator_loss(self, batch, rng):
            losses = super().generator_loss(batch, rng)
            strings = tf.strings.length(tf.strings.as_string(tf.reduce_sum(batch)))
            return gt.Losses({name: term + 0.0 * tf.cast(strings, term.dtype) for name, term in losses.terms.items()})

    stop = gt.Callback(lambda progress: gt.Stop("seen enough"), gt.at(40))
    auto = gt.Loop(make(Dynamic), compiler=gt.StepCompiler("auto"), callbacks=[stop])
    auto.run(points(), minutes=60.0)
    assert "mode graph," in auto.explain()
    assert "fails" in auto.explain()
    assert np.isfinite(auto.history.last()["generator/loss"])
