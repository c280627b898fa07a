"""Mode "auto": measurements are compared by what a run costs, training is that of the named mode, and measurements are kept."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tiny import COMPILED, PointGan, identical, make, points, weights

import gantape as gt
from gantape.compiler import autotune
from gantape.compiler.autotune import RunLength, Trial, TuningResult
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
    ("steps", "tried"), [(1000, ["graph"]), (1001, COMPILED), (None, COMPILED)], ids=["short", "long enough", "endless"]
)
def test_xla_is_tried_in_runs_that_are_long_beside_its_compiling_only(steps, tried, monkeypatch):
    monkeypatch.setattr(autotune, "_measure", lambda compiled, *_: Trial(compiled.mode, 1.0, 0.01))
    step = gt.Step(make(PointGan).updates(), seed=0, update_metrics=lambda _: None)
    stack = gt.data.PeekableReader(points().open(0, gt.data.Position())).peek(1)
    choice, _ = autotune.choose_mode(gt.StepCompiler("auto"), step, stack, 0, RunLength(steps=steps))
    assert [found.mode for found in choice.measurements] == list(tried)


@given(measured, st.integers(1, 10**6))
def test_a_mode_that_fails_is_never_chosen(measurements, steps):
    failing = Trial("failing", 0.0, math.inf, "no such op")
    choice = TuningResult((failing, *measurements), RunLength(steps=steps))
    assert choice.mode != "failing"
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


def test_a_broken_file_of_measurements_is_replaced(tmp_path):
    file = tmp_path / "modes.json"
    file.write_text("{")
    run("auto", measurements=file)
    assert len(json.loads(file.read_text())) == 1


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
