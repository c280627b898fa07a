"""Laws of compiled steps: the modes compute one training, whatever the size of a call, and trace once."""

import attrs
import numpy as np
import pytest
import tensorflow as tf
from tiny import (
    COMPILED,
    MODES,
    BatchNormGan,
    Classifier,
    LazyGan,
    PointGan,
    data_for,
    double_precision,
    identical,
    labelled,
    make,
    points,
    weights,
)

import gantape as gt
from gantape.errors import HyperparameterError, NotFiniteError, RetraceError

TRAININGS = {
    "supervised, batch norm": (Classifier, {}),
    "adversarial, repeats": (PointGan, {"discriminator_updates": 3}),
    "every 2 and every 3 steps": (LazyGan, {}),
    "gradient penalty": (PointGan, {"penalised": True}),
    "batch norm, moving average": (BatchNormGan, {"generator_decay": 0.9}),
    "joint batch": (PointGan, {"joint_batch": True}),
    "shared examples": (BatchNormGan, {"shared_examples": True, "discriminator_updates": 2}),
}


@pytest.fixture(params=TRAININGS, scope="module")
def training(request):
    task_class, hyperparameters = TRAININGS[request.param]
    return lambda: make(task_class, **hyperparameters)


def trained(task: gt.Task, mode: str, steps: int = 7, steps_per_call: int | None = None) -> gt.Loop:
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode, steps_per_call=steps_per_call), seed=5, gradient_norms=True)
    loop.run(data_for(task, examples=120), steps=steps)
    return loop


@pytest.mark.parametrize("mode", COMPILED)
def test_every_mode_is_the_training_of_eager(training, mode):
    """In float64: rounding is 1e-16, but noise is drawn in float32, where XLA's cosine and logarithm differ by 1e-7."""
    with double_precision():
        eager, other = trained(training(), "eager"), trained(training(), mode, steps_per_call=4)

        for weight, expected in zip(weights(other.task), weights(eager.task), strict=True):
            np.testing.assert_allclose(weight, expected, rtol=0, atol=1e-5)
        row, expected_row = dict(other.history.last()), dict(eager.history.last())
        del row["seconds"], expected_row["seconds"]
        assert row.pop("split") == expected_row.pop("split")
        assert row == pytest.approx(expected_row, abs=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_size_of_calls_changes_no_bit(mode):
    results = []
    for steps_per_call in (1, 3, 7, 32):
        task = make(PointGan)
        trained(task, mode, steps=9, steps_per_call=steps_per_call)
        results.append(weights(task))
    assert all(identical(result, results[0]) for result in results[1:])


@pytest.mark.parametrize("mode", COMPILED)
def test_number_of_steps_never_retraces(mode):
    loop = gt.Loop(make(Classifier), compiler=gt.StepCompiler(mode, steps_per_call=5, max_traces=1))
    data = labelled(examples=66)
    for steps in (1, 4, 11, 2):
        loop.run(data, steps=steps)
        assert "\n1 trace, " in loop.explain()
    assert int(loop.task.optimizer.iterations) == 18


def count_python_runs(mode: str, steps: int) -> int:
    step = CountingStep()
    reader = gt.data.PeekableReader(points(examples=22).open(0, gt.data.Position()))
    compiled = gt.StepCompiler(mode, steps_per_call=4).compile(step, mode, reader.peek(1))
    done = 0
    while done < steps:
        stack = reader.read(compiled.steps_until_change(done, steps - done))
        done += compiled.program(stack, done).run(stack, done)
    assert compiled.means() == pytest.approx({"step": (steps - 1) / 2})
    return step.runs


@attrs.define
class CountingStep:
    """A step that counts how often Python runs it, and reports its number."""

    runs: int = 0
    name: str = "counting"
    batches_per_step: int = 1

    def due(self, step: int) -> tuple[str, ...]:
        return ("all",)

    def updates_due(self, step: int) -> int:
        return 1

    def python_state(self):
        return {}

    def prepare(self):
        pass

    def all_finite(self, due):
        return tf.constant(True)

    def means(self, sums, steps):
        return {name: value / steps[name] for name, value in sums.items()}

    def run(self, batches, step, due):
        self.runs += 1
        return {"step": tf.cast(step, tf.float32) + 0.0 * tf.reduce_sum(batches[0])}


def test_a_call_holds_no_more_than_64_mebibytes_of_copied_batches():
    large = np.zeros((2, 1, 2**20), np.uint8)
    copied = gt.data.BatchStack(large, 2, gt.data.Position(), gt.data.identity)
    gathered = points().open(0, gt.data.Position()).read(2)
    most = {
        mode: [gt.StepCompiler().compile(CountingStep(), mode, stack).most_steps for stack in (copied, gathered)]
        for mode in MODES
    }
    assert most == {"eager": [1, 1], **{mode: [64, 128] for mode in COMPILED}}


def test_python_runs_a_step_once_in_compiled_modes_and_always_in_eager():
    """The last partial batch of an epoch (22 examples, batches of 4) is dropped, so that it is no second trace either."""
    assert {mode: count_python_runs(mode, 13) for mode in MODES} == {"eager": 13, "graph": 1, "xla": 1, "xla-loop": 1}


@pytest.mark.parametrize("mode", MODES)
def test_means_are_those_of_all_steps_of_all_calls(mode):
    task = make(LazyGan)
    singly = gt.Loop(task, compiler=gt.StepCompiler("eager"), seed=5)
    data = points(examples=120)
    rows = singly.run(data, steps=12, record=gt.every(steps=1))

    together = gt.Loop(make(LazyGan), compiler=gt.StepCompiler(mode, steps_per_call=5), seed=5)
    row = together.run(data, steps=12).last()

    for name in ("discriminator/loss", "discriminator/real", "discriminator/fake", "generator/loss"):
        assert len(rows.values(name)) == (4 if name.startswith("discriminator") else 6)
        assert row[name] == pytest.approx(np.mean(rows.values(name)), abs=1e-4)


class Exploding(Classifier):
    """Its loss is infinite from step 6 on."""

    def build_loss(self):
        loss = super().build_loss()
        return lambda targets, predictions: loss(targets, predictions) / tf.cast(self.optimizer.iterations < 6, tf.float32)


@pytest.mark.parametrize("steps_per_call", [1, 4, 32])
@pytest.mark.parametrize("mode", MODES)
def test_no_step_is_done_after_one_that_is_not_finite(mode, steps_per_call):
    loop = gt.Loop(make(Exploding), compiler=gt.StepCompiler(mode, steps_per_call=steps_per_call))
    with pytest.raises(NotFiniteError, match="loss=inf") as caught:
        loop.run(labelled(examples=120), steps=30)
    assert caught.value.where == "step 6"
    assert int(loop.task.optimizer.iterations) == 7


@pytest.mark.parametrize("mode", MODES)
def test_means_are_the_same_bits_however_calls_are_cut(mode):
    rows = []
    for steps_per_call in (1, 3, 7, 32):
        loop = trained(make(PointGan), mode, steps=9, steps_per_call=steps_per_call)
        rows.append({name: value for name, value in loop.history.last().items() if name != "seconds"})
    assert all(row == rows[0] for row in rows[1:])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["supervised, batch norm", "batch norm, moving average"])
def test_run_in_parts_is_run_in_one(kind, mode):
    task_class, hyperparameters = TRAININGS[kind]
    whole, parts = make(task_class, **hyperparameters), make(task_class, **hyperparameters)
    data = data_for(whole, examples=22)

    gt.Loop(whole, compiler=gt.StepCompiler(mode, steps_per_call=4), seed=5).run(data, steps=8)
    loop = gt.Loop(parts, compiler=gt.StepCompiler(mode, steps_per_call=4), seed=5)
    loop.run(data, steps=3)
    loop.run(data, steps=5)

    assert identical(weights(parts), weights(whole))


def test_another_batch_size_is_told_and_can_be_made_an_error():
    loop = gt.Loop(make(Classifier), compiler=gt.StepCompiler("graph", max_traces=1))
    loop.run(labelled(batch_size=4), steps=2)
    with pytest.raises(RetraceError) as caught:
        loop.run(labelled(batch_size=8), steps=2)
    assert "(4, 4)" in caught.value.got
    assert "(8, 4)" in caught.value.got


@pytest.mark.parametrize(
    "arguments", [{"mode": "fast"}, {"steps_per_call": 0}, {"steps_per_call": 2.5}, {"steps_per_call": True}, {"max_traces": 0}]
)
def test_compiler_refuses(arguments):
    with pytest.raises(HyperparameterError):
        gt.StepCompiler(**arguments)
