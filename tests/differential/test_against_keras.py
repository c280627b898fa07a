"""Random models, losses, metrics and optimizers: gantape trains and evaluates them as `fit` and `evaluate` do."""

from pathlib import Path

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings

import gantape as gt
from reliability.against_keras.cases import Case, cases, precision_of
from reliability.against_keras.compare import compare, smallest
from reliability.against_keras.exclusions import table_of_exclusions
from reliability.against_keras.layers_of_cases import NAMES
from reliability.against_keras.optimizers_of_cases import OPTIMIZERS, OPTIONS

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:keras.*"),  # advice on losses, metrics and masks that were drawn
    pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning"),  # a loss scale in float16
]

DRAWN = settings(phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
"""A failing case is shown as it was drawn: `scripts/reliability/compare_with_keras.py` simplifies its own."""

RICH = Case(
    inputs="table",
    layers=("l2", "batch norm", "dropout", "adds loss"),
    target="classes",
    loss="logits",
    metrics=("accuracy",),
    optimizer="AdamW",
    options=(("weight_decay", 0.01), ("clipnorm", 0.1)),
    schedule="exponential",
)


@settings(DRAWN, max_examples=30)
@given(cases())
def test_training_and_evaluation_are_those_of_keras(case: Case) -> None:
    assert not compare(case)


@settings(DRAWN, max_examples=4)
@given(cases(modes=("graph", "xla")))
def test_compiled_training_is_that_of_compiled_keras(case: Case) -> None:
    assert not compare(case)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(optimizer: str) -> None:
    policy = "float32" if optimizer == "Muon" else "float64"
    assert not compare(Case(optimizer=optimizer, options=(*OPTIMIZERS[optimizer].items(),), policy=policy, layers=("dense",)))


@pytest.mark.parametrize(("option", "value"), OPTIONS.items())
def test_every_option_of_optimizers(option: str, value: float) -> None:
    assert not compare(Case(optimizer="Adam", options=((option, value),), layers=("batch norm",), epochs=2))


@pytest.mark.parametrize(
    "trained",
    [
        attrs.evolve(RICH, schedule="steps"),
        attrs.evolve(RICH, layers=("gelu", *RICH.layers[1:])),
        attrs.evolve(RICH, layers=RICH.layers[:-1]),
        attrs.evolve(RICH, options=RICH.options[:1]),
        attrs.evolve(RICH, options=RICH.options[1:]),
        attrs.evolve(RICH, loss="ignored"),
        attrs.evolve(RICH, metrics=()),
        attrs.evolve(RICH, reduction="sum"),
        attrs.evolve(RICH, class_weights=True),
    ],
    ids=["schedule", "regularizer", "added loss", "clipping", "weight decay", "loss", "metric", "reduction", "class weights"],
)
def test_a_planted_difference_is_found(trained: Case) -> None:
    assert compare(RICH, trained)


def test_a_learning_rate_that_is_one_per_cent_off_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from reliability.against_keras import supervised

    def off(case: Case, **options: object) -> object:
        optimizer = make(case, **options)
        optimizer.learning_rate = 1.01 * float(optimizer.learning_rate) if not options else float(optimizer.learning_rate)
        return optimizer

    make = supervised.make_optimizer
    monkeypatch.setattr(supervised, "make_optimizer", off)
    assert compare(Case())


def test_an_error_about_nan_agrees_with_nan_only() -> None:
    diverges = Case(optimizer="Ftrl", schedule="cosine", examples=13, batch_size=2, epochs=2)  # divides by a rate of 0
    assert not compare(diverges)
    assert compare(Case(), diverges)


def test_a_failing_case_is_simplified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reliability.against_keras.compare.compare", lambda case: [1] if "dropout" in case.layers else [])
    found = smallest(attrs.evolve(RICH, epochs=2, batch_size=3, seed=7))
    assert found == Case(layers=("dropout",), target="classes", loss="logits")


def test_a_case_can_be_pasted() -> None:
    assert eval(repr(RICH), {"Case": Case}) == RICH


def test_every_kind_of_input_has_layers() -> None:
    assert all(len(names) > 20 for names in NAMES.values())


def test_the_documentation_has_the_table_of_differences() -> None:
    assert table_of_exclusions() in (Path(__file__).parents[2] / "docs" / "checked_against_keras.md").read_text()


@pytest.mark.parametrize("compiled", [False, True])
def test_keras_starts_the_average_of_schedule_free_from_zeros_in_compiled_fit(compiled: bool) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.ScheduleFreeAdamW(0.01), "mse", run_eagerly=not compiled, jit_compile=False)
    model.fit(np.ones((4, 4), "float32"), np.zeros((4, 1), "float32"), verbose=0)
    assert bool(np.all(model.get_weights()[0] < 0.1)) is compiled


def test_keras_squares_the_gradients_of_repeated_words_one_by_one() -> None:
    def moved(gradient: object) -> np.ndarray:
        variable = keras.Variable(np.zeros((2, 1), "float32"))
        optimizer = keras.optimizers.RMSprop(0.1, rho=0.0)
        optimizer.apply([gradient], [variable])
        return np.asarray(variable)

    repeated = tf.IndexedSlices(tf.ones((4, 1)), tf.constant([0, 0, 0, 0]), tf.constant([2, 1]))
    assert not np.allclose(moved(repeated), moved(tf.convert_to_tensor(repeated)))


def test_keras_overlooks_nan_in_the_gradient_of_a_repeated_word() -> None:
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    found = [
        bool(optimizer.check_finite([tf.IndexedSlices(tf.constant([[np.nan], [1.0]]), rows, tf.constant([3, 1]))]))
        for rows in ([0, 1], [0, 0])
    ]
    assert found == [False, True]


PROBABILITIES = keras.losses.SparseCategoricalCrossentropy(), "softmax"
LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True), None
SURE, KERNEL = 0.1 * np.eye(2, dtype="float32"), 90.0 * np.eye(2, dtype="float32")  # wrong classes have probabilities of 1e-4


def _sure_model(activation: str | None) -> keras.Model:
    kernel = keras.initializers.Constant(KERNEL)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation, kernel_initializer=kernel)])


def test_keras_loses_the_logits_of_probabilities_in_float16() -> None:
    def updates(loss: keras.losses.Loss, activation: str | None) -> int:
        model = _sure_model(activation)
        model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=True)
        model.fit(SURE, np.array([1, 0]), batch_size=2, verbose=0)
        return int(model.optimizer.iterations)

    with precision_of(Case(policy="mixed_float16")):
        assert updates(*LOGITS) == 1
        assert updates(*PROBABILITIES) == 0


def test_gantape_keeps_the_logits_of_probabilities_in_float16() -> None:
    class Sure(gt.SupervisedTask):
        probabilities: bool = True

        def build_model(self) -> keras.Model:
            return _sure_model("softmax" if self.probabilities else None)

        def build_optimizer(self) -> keras.optimizers.Optimizer:
            return keras.optimizers.SGD(0.1)

        def build_loss(self) -> keras.losses.Loss:
            return (PROBABILITIES if self.probabilities else LOGITS)[0]

    def weights(probabilities: bool) -> np.ndarray:
        task = Sure(probabilities=probabilities, precision="mixed_float16")
        loop = gt.Loop(task, compiler=gt.StepCompiler("eager"), progress=False)
        loop.run(gt.data.from_arrays((SURE, np.array([1, 0])), batch_size=2), steps=1)
        return task.model.get_weights()[0]

    assert not np.array_equal(weights(probabilities=True), KERNEL)
    np.testing.assert_array_equal(weights(probabilities=True), weights(probabilities=False))


def test_a_bias_before_batch_norm_moves_by_rounding_errors() -> None:
    layers = [keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    examples = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    bias, optimizer = model.layers[0].bias, keras.optimizers.ScheduleFreeAdamW(0.02)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(examples, training=True) - 1.0) ** 2)
    gradient = tape.gradient(loss, bias.value)
    optimizer.apply([gradient], [bias])
    assert float(tf.reduce_max(tf.abs(gradient))) < 1e-6
    assert float(tf.reduce_max(tf.abs(bias.value))) > 1e-3
