"""Mixed precision: near float32 by the format's epsilon, float32 where numbers are summed or kept, a scale by its law."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from mixed_precision import scaled
from small_recipes import batches, small
from tiny import BatchNormGan, Classifier, identical, labelled, make, points, weights
from tiny import PointGan as Gan

import gantape as gt
from gantape.commands.recipes import RECIPES
from gantape.errors import HyperparameterError, TaskError
from gantape.layers import BatchNorm, FastConv2D, FastConv2DTranspose, LayerNorm, MinibatchDeviation, SpectralNorm, in_float32
from gantape.steps.loss_scale import LossScale
from gantape.testing import assert_resumes_exactly

MIXED = ("mixed_bfloat16", "mixed_float16")
EPSILON = {"mixed_bfloat16": 2.0**-8, "mixed_float16": 2.0**-11}
"""The largest relative error of rounding to the nearest number: half of the gap between 1 and the next one."""


# What is built


def test_the_global_policy_is_what_it_was_and_the_default():
    task = make(Gan, precision="mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"
    assert task.generator.layers[0].compute_dtype == "bfloat16"
    assert make(Gan).precision == "float32"
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert make(Gan).precision == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_the_global_policy_is_what_it_was_where_a_part_cannot_be_built():
    class Broken(Gan):
        def build_loss(self):
            raise ValueError("no loss")

    with pytest.raises(TaskError, match="no loss"):
        Broken(precision="mixed_float16")
    assert keras.config.dtype_policy().name == "float32"


def test_there_is_no_other_precision():
    with pytest.raises(HyperparameterError, match="field `precision`"):
        Gan(precision="float8")


@pytest.mark.parametrize("precision", MIXED)
def test_weights_statistics_and_moments_are_float32(precision):
    task = make(BatchNormGan, precision=precision, generator_decay=0.9)
    kinds = {str(variable.dtype) for variable in task.variables}
    assert not any("16" in kind for kind in kinds)
    assert task.generator.layers[0].kernel.dtype == "float32"


def test_float16_alone_scales_losses_and_each_optimizer_has_a_scale_of_its_own():
    task = make(Gan, precision="mixed_float16")
    scales = [LossScale.of(update.optimizer) for update in task.updates()]
    assert all(isinstance(scale.inner, keras.optimizers.Adam) for scale in scales)
    assert scales[0].optimizer.dynamic_scale is not scales[1].optimizer.dynamic_scale
    assert all(LossScale.of(update.optimizer) is None for update in make(Gan, precision="mixed_bfloat16").updates())


def test_an_optimizer_that_is_no_part_is_refused_in_float16():
    class Bare(Classifier):
        def updates(self):
            return (gt.Update("model", self._training, (self.model,), keras.optimizers.SGD(0.1)),)

    assert Bare().precision == "float32"
    with pytest.raises(TaskError, match="every optimizer has a loss scale"):
        Bare(precision="mixed_float16")


# What is computed


@pytest.mark.parametrize("precision", MIXED)
@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_gradients_are_those_of_float32_to_rounding(precision, mode):
    """Each of the few products, sums and activations on the way there and back rounds once."""
    task, plain = make(Gan, precision=precision), make(Gan)
    batch = points(64, 64).arrays
    roundings = 16
    for update, exact in zip(task.updates(), plain.updates(), strict=True):

        @tf.function(jit_compile=mode == "xla")
        def found(update=update):
            return update.gradients(batch, gt.RandomStreams(1, 0))

        losses, gradients = found()
        expected_losses, expected = exact.gradients(batch, gt.RandomStreams(1, 0))
        assert losses.total.dtype == tf.float32
        assert float(losses.total) == pytest.approx(float(expected_losses.total), rel=roundings * EPSILON[precision])
        for gradient, wanted in zip(gradients, expected, strict=True):
            assert gradient.dtype == tf.float32
            error = float(tf.norm(gradient - wanted) / tf.norm(wanted))
            assert error < roundings * EPSILON[precision]


@pytest.mark.parametrize("precision", MIXED)
@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_a_run_stays_near_float32(precision, mode):
    """SGD: after n steps of size η the weights differ by at most n η times the error of a gradient, were the loss linear."""

    class Descending(Classifier):
        def build_optimizer(self):
            return keras.optimizers.SGD(0.05)

    steps, roundings = 16, 16
    task, plain = make(Descending, precision=precision), make(Descending)
    before = [weight.copy() for weight in plain.model.get_weights()]
    history = gt.Loop(task, compiler=gt.StepCompiler(mode)).run(labelled(), steps=steps)
    expected = gt.Loop(plain, compiler=gt.StepCompiler(mode)).run(labelled(), steps=steps)
    assert history.last()["loss"] == pytest.approx(expected.last()["loss"], rel=roundings * EPSILON[precision])
    trained = [variable.path for variable in plain.model.trainable_variables]
    for variable, start, weight, wanted in zip(
        plain.model.variables, before, task.model.get_weights(), plain.model.get_weights(), strict=True
    ):
        if variable.path in trained:
            moved = np.linalg.norm(wanted - start)
            # The bias before batch norm has a gradient of zero but for rounding.
            assert np.linalg.norm(weight - wanted) < roundings * EPSILON[precision] * max(moved, 0.1)


@pytest.mark.parametrize("precision", MIXED)
@pytest.mark.parametrize(
    "penalty",
    [gt.losses.GradientPenalty(), gt.losses.R1(1.0), gt.losses.R2(1.0), gt.losses.DraganPenalty()],
    ids=lambda penalty: penalty.name,
)
def test_penalties_are_float32_and_near_those_of_float32(precision, penalty):
    class Penalised(Gan):
        def build_penalties(self):
            return (penalty,)

    batch = points(64, 64).arrays
    losses, exact = (
        make(Penalised, precision=name).discriminator_loss(batch, gt.RandomStreams(1, 0)) for name in (precision, "float32")
    )
    assert losses.terms[penalty.name].dtype == tf.float32
    # A squared norm: twice the error of a gradient, as large as (1 + ‖∇D‖)² λ where it is taken from 1.
    scale = {"gradient_penalty": 40.0, "dragan_penalty": 40.0}.get(penalty.name, float(exact.terms[penalty.name]))
    assert abs(float(losses.terms[penalty.name]) - float(exact.terms[penalty.name])) < 2 * 16 * EPSILON[precision] * scale


@pytest.mark.parametrize("precision", MIXED)
def test_a_penalty_where_the_gradient_is_zero_has_a_finite_gradient(precision):
    class Flat(Gan):
        penalised: bool = True

        def build_discriminator(self):
            dense = keras.layers.Dense(1, kernel_initializer="zeros")
            return keras.Sequential([keras.Input((2,)), dense])

    _, gradients = make(Flat, precision=precision).updates()[0].gradients(points(16, 16).arrays, gt.RandomStreams(1, 0))
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("precision", MIXED)
def test_scores_metrics_and_samples_are_float32(precision):
    task = make(Gan, precision=precision, generator_decay=0.9)
    losses = task.discriminator_loss(points(8, 8).arrays, gt.RandomStreams(1, 0))
    assert {tensor.dtype for values in losses.metrics.values() for tensor in values} == {tf.float32}
    assert task.generate(task.latents(4, gt.RandomStreams(1))).dtype == tf.float32
    classifier = make(Classifier, precision=precision)
    (_, predictions), *_ = classifier.evaluate(
        (tf.zeros([4, 4]), tf.zeros([4], tf.int32)), gt.RandomStreams(1)
    ).metrics.values()
    assert predictions.dtype == tf.float32


@pytest.mark.parametrize("precision", MIXED)
@pytest.mark.parametrize("jit", [False, True])
def test_own_layers_work_and_are_near_float32(precision, jit):
    def model(policy):
        keras.utils.set_random_seed(5)
        made = [
            keras.Input((8, 8, 3)),
            SpectralNorm(FastConv2D(8, 4, strides=2, padding="same", dtype=policy)),
            BatchNorm(dtype=policy),
            FastConv2D(4, 3, padding="same", dtype=policy),
            LayerNorm(dtype=policy),
            FastConv2DTranspose(4, 4, strides=2, padding="same", dtype=policy),
            MinibatchDeviation(dtype=policy),
        ]
        return keras.Sequential(made)

    mixed, plain = model(precision), model("float32")
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)

    def found(network):
        @tf.function(jit_compile=jit)
        def run():
            with tf.GradientTape() as tape:
                outputs = network(images, training=True)
                total = tf.reduce_sum(tf.square(tf.cast(outputs, tf.float32)))
            return outputs, tape.gradient(total, [variable.value for variable in network.trainable_variables])

        return run()

    (outputs, gradients), (wanted, _) = found(mixed), found(plain)
    assert outputs.dtype == ("bfloat16" if "bfloat16" in precision else "float16")
    error = np.linalg.norm(tf.cast(outputs, tf.float32) - wanted) / np.linalg.norm(wanted)
    assert error < 16 * EPSILON[precision]
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    vectors = [next(v for v in network.variables if "singular_vector" in v.path).numpy() for network in (mixed, plain)]
    np.testing.assert_allclose(*vectors, rtol=1e-5)  # the power iteration is done in float32


@pytest.mark.parametrize("precision", MIXED)
def test_a_copy_in_float32_has_the_weights_and_puts_out_float32(precision, tmp_path):
    task = make(BatchNormGan, precision=precision)
    copy = in_float32(task.generator)
    copy.save(tmp_path / "generator.keras")
    loaded = keras.models.load_model(tmp_path / "generator.keras")
    latents = task.latents(4, gt.RandomStreams(1))
    assert loaded(latents).dtype == tf.float32
    assert identical(loaded.get_weights(), task.generator.get_weights())
    np.testing.assert_allclose(loaded(latents), task.generate(latents), atol=16 * EPSILON[precision])


@pytest.mark.parametrize(
    ("given", "found"),
    [("float16", "float32"), ("bfloat16", "float32"), ("float32", "float32"), ("float64", "float64"), ("int8", "int8")],
)
def test_what_is_precise_stays_as_it_is(given, found):
    assert gt.losses.upcast(tf.zeros([2], given)).dtype == found


# Around it


@pytest.mark.parametrize("precision", [pytest.param("mixed_bfloat16", marks=pytest.mark.slow), "mixed_float16"])
def test_a_resumed_run_goes_on_bit_for_bit(precision):
    task_class = scaled(BatchNormGan, 2.0**22, 3)
    assert_resumes_exactly(lambda: task_class(precision=precision, generator_decay=0.9), points(), steps=10, stops=(4, 7))


def test_a_run_of_another_precision_is_not_resumed_unawares(tmp_path):
    gt.Loop(make(Gan), run_dir=tmp_path).run(points(), steps=2)
    with pytest.raises(gt.errors.ResumeError, match="precision"):
        gt.Loop.resume(tmp_path, make(Gan, precision="mixed_bfloat16"))
    loop = gt.Loop.resume(tmp_path, make(Gan, precision="mixed_bfloat16"), changed=("precision",))
    loop.run(points(), steps=1)
    assert loop.state.step == 3


def test_gathered_and_clipped_gradients_are_unscaled():
    class Gathering(Gan):
        def build_discriminator_gradient_options(self):
            return gt.GradientOptions(accumulate=2, clip_norm=0.01)

    task = make(scaled(Gathering, 2.0**10, 1000), precision="mixed_float16")
    loop = gt.Loop(task, gradient_norms=True)
    norm = loop.run(points(), steps=2).last()["discriminator/gradient_norm"]
    plain = gt.Loop(make(Gathering), gradient_norms=True).run(points(), steps=2).last()["discriminator/gradient_norm"]
    assert norm == pytest.approx(plain, rel=16 * EPSILON["mixed_float16"])


@pytest.mark.slow
@pytest.mark.parametrize("precision", MIXED)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_trains_in_mixed_precision(recipe, precision):
    task = small(RECIPES[recipe].task_class, precision=precision)
    history = gt.Loop(task, compiler=gt.StepCompiler("graph"), seed=1).run(batches(recipe), steps=6)
    losses = [history.last()[name] for name in history.columns if name.endswith("/loss") and name in history.last()]
    assert losses
    assert np.isfinite(losses).all()
    assert all(np.isfinite(value).all() for value in weights(task))
