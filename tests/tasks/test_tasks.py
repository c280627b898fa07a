"""A task is a class of typed hyper-parameters and parts that exist when the constructor returns; any game can be one."""

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import MODES, BatchNormGan, Classifier, PointGan, double_precision, make, points

import gantape as gt
from gantape.errors import HyperparameterError, TaskError
from gantape.tasks import require_positive

layers = keras.layers


def dense(inputs: int, outputs: int, name: str | None = None) -> keras.Model:
    return keras.Sequential([keras.Input((inputs,)), layers.Dense(outputs)], name=name)


class Fit(gt.Task):
    """The smallest task: a line through the origin."""

    learning_rate: float = 0.1
    units: int = 1

    def build_model(self):
        return dense(2, self.units)

    def build_optimizer(self):
        return keras.optimizers.Adam(self.learning_rate)

    def updates(self):
        return (gt.Update("fit", self.loss, (self.model,), self.optimizer),)

    def loss(self, batch, rng):
        return gt.Losses({"square": tf.reduce_mean(tf.square(self.model(batch) - 1.0))})


def test_subclass_is_an_attrs_class_without_a_decorator():
    assert attrs.has(Fit)
    task = Fit(units=2)
    assert repr(task) == "Fit(precision='float32', learning_rate=0.1, units=2)"
    assert task.hyperparameters == {"precision": "float32", "learning_rate": 0.1, "units": 2}


def test_fields_are_inherited():
    class Wider(Fit):
        units: int = 3
        depth: int = 1

    assert Wider(depth=2).hyperparameters == {"precision": "float32", "learning_rate": 0.1, "units": 3, "depth": 2}
    assert Wider().model.output_shape == (None, 3)


def test_fields_and_parts_are_frozen():
    task = Fit()
    with pytest.raises(gt.errors.HyperparameterError):
        task.units = 2
    with pytest.raises((TaskError, gt.errors.HyperparameterError)):
        task.model = dense(2, 1)
    assert task.units == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"unit": 2}, "did you mean `units`"),
        ({"colour": "red"}, "the fields are precision, learning_rate, units"),
        ({"units": 1.5}, "value of type int"),
        ({"units": "2"}, "'2', a str"),
        ({"units": True}, "True, a bool"),
        ({"units": None}, "None, a NoneType"),
        ({"learning_rate": "fast"}, "field `learning_rate`"),
        ({"learning_rate": False}, "False, a bool"),
    ],
)
def test_hyperparameters_are_checked(arguments, words):
    with pytest.raises(HyperparameterError) as caught:
        Fit(**arguments)
    assert words in str(caught.value)
    assert "Fit" in caught.value.where


def test_a_whole_number_for_a_float_becomes_one():
    task = Fit(learning_rate=1)
    assert isinstance(task.learning_rate, float)
    assert repr(task) == "Fit(precision='float32', learning_rate=1.0, units=1)"


def test_positional_and_missing_hyperparameters():
    class Required(Fit):
        depth: int

    with pytest.raises(HyperparameterError, match="given by name"):
        Fit(0.1)
    with pytest.raises(HyperparameterError, match="no depth"):
        Required()


def test_own_check_of_hyperparameters_comes_before_anything_is_built():
    built = []

    class Checked(Fit):
        def check_hyperparameters(self):
            require_positive(self, "units")

        def build_model(self):
            built.append(self.units)
            return super().build_model()

    with pytest.raises(HyperparameterError, match="positive"):
        Checked(units=0)
    assert built == []
    Checked(units=2)
    assert built == [2]


def test_parts_may_use_one_another_in_any_order():
    class Chained(Fit):
        def build_last(self):
            return ("last", self.middle)

        def build_middle(self):
            return ("middle", self.model.name)

        def build_a_count(self):
            return len(self.last)

    task = Chained()
    assert task.last == ("last", ("middle", task.model.name))
    assert task.a_count == 2
    assert task.model is task.model
    assert set(Chained.part_names()) == {"metrics", "evaluation_metrics", "model", "optimizer", "last", "middle", "a_count"}


def test_parts_exist_and_variables_too_before_anything_is_traced():
    task = Fit()
    paths = {variable.path for variable in task.variables}
    assert {variable.path for variable in task.optimizer.variables} <= paths
    assert len(task.optimizer.variables) == 6  # iterations, learning rate, two moments for kernel and bias
    assert len({id(variable) for variable in task.variables}) == len(task.variables)
    gan = make(PointGan)
    made = set(map(id, gan.variables))
    gt.Loop(gan, compiler=gt.StepCompiler("graph")).run(points(), steps=2)
    assert set(map(id, gan.variables)) == made


def test_variables_of_parts_in_tuples_and_dicts_count():
    class Several(Fit):
        def build_twins(self):
            return dense(2, 1), {"second": [dense(2, 3)]}

    task = Several()
    inside = [*task.twins[0].variables, *task.twins[1]["second"][0].variables]
    assert set(map(id, inside)) <= set(map(id, task.variables))


def test_two_tasks_share_nothing():
    one, other = Fit(), Fit()
    assert not set(map(id, one.variables)) & set(map(id, other.variables))
    assert one != other


class _Broken:
    """Tasks that cannot be built."""

    class Cycle(Fit):
        def build_model(self):
            return self.twin

        def build_twin(self):
            return self.model

    class Nothing(Fit):
        def build_model(self):
            dense(2, self.units)

    class Raises(Fit):
        def build_model(self):
            return layers.Dense(-1)

    class NoUpdates(Fit):
        def updates(self):
            return ()

    class Missing(gt.SupervisedTask):
        def build_model(self):
            return dense(2, 1)

        def build_loss(self):
            return keras.losses.MeanSquaredError()

    class Shared(PointGan):
        def build_generator_optimizer(self):
            return self.discriminator_optimizer


@pytest.mark.parametrize(
    ("task_class", "where", "words"),
    [
        (_Broken.Cycle, "build_model", "needs itself"),
        (_Broken.Nothing, "Nothing.build_model", "a part is missing"),
        (_Broken.Raises, "Raises.build_model", "ValueError"),
        (_Broken.NoUpdates, "NoUpdates.updates", "at least one update"),
        (_Broken.Missing, "Missing", "no build_optimizer"),
        (_Broken.Shared, "Shared.updates", "share one optimizer"),
    ],
)
def test_broken_tasks_are_refused_at_construction(task_class, where, words):
    with pytest.raises(TaskError) as caught:
        task_class()
    assert where in caught.value.where
    assert words in str(caught.value)


def test_what_a_build_method_raised_is_the_cause():
    with pytest.raises(TaskError) as caught:
        _Broken.Raises()
    assert isinstance(caught.value.__cause__, ValueError)


def test_samples_come_from_the_moving_average():
    task = make(PointGan, generator_decay=0.9)
    latents = task.latents(5, gt.RandomStreams(0))
    assert np.array_equal(task.generate(latents), task.generator(latents))
    gt.Loop(task).run(points(), steps=4)
    assert np.array_equal(task.generate(latents), task.averaged_generator(latents))
    assert not np.array_equal(task.generate(latents), task.generator(latents))


class SameLatents(BatchNormGan):
    """Generates anew, in the generator's update, from the latents of the discriminator's."""

    def discriminator_loss(self, batch, rng):
        vars(self).setdefault("noises", {})[id(batch)] = rng
        return super().discriminator_loss(batch, rng)

    def generator_loss(self, batch, rng):
        return super().generator_loss(batch, self.noises[id(batch)])


@given(
    updates=st.integers(1, 3),
    joint_batch=st.booleans(),
    penalised=st.booleans(),
    batches=st.integers(1, 2),
    mode=st.sampled_from(["eager", "graph"]),
)
@settings(max_examples=5, deadline=None)
def test_sharing_examples_is_a_second_pass_over_the_same_latents(updates, joint_batch, penalised, batches, mode):
    class Gathering:
        def build_discriminator_gradient_options(self):
            return gt.GradientOptions(accumulate=batches)

        build_generator_gradient_options = build_discriminator_gradient_options

    class Sharing(Gathering, BatchNormGan):
        pass

    class Repeating(Gathering, SameLatents):
        pass

    options = {"discriminator_updates": updates, "joint_batch": joint_batch, "penalised": penalised}
    with double_precision():
        tasks = make(Sharing, shared_examples=True, **options), make(Repeating, **options)
        for task in tasks:
            gt.Loop(task, compiler=gt.StepCompiler(mode, steps_per_call=3)).run(points(), steps=4)
        for network in ("discriminator", "generator"):
            shared, repeated = (getattr(task, network).trainable_variables for task in tasks)
            for one, other in zip(shared, repeated, strict=True):
                np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("shared", "passes"), [(False, 2), (True, 1)])
def test_shared_examples_are_generated_once(shared, passes):
    calls = []

    class Counting(keras.layers.Layer):
        def call(self, inputs, training=False):
            if training:
                calls.append(inputs.shape)
            return inputs

    class Counted(PointGan):
        def build_generator(self):
            return keras.Sequential([keras.Input((self.latent_size,)), Counting(), layers.Dense(2)])

    task = make(Counted, shared_examples=shared)
    step = gt.Step(task.updates(), seed=0, update_metrics=task.metrics.update)
    step.run([tf.ones((4, 2))], tf.constant(0, tf.int64), step.due(0))
    assert calls == [(4, task.latent_size)] * passes


def test_a_generator_with_added_losses_cannot_share_its_examples():
    class Adding(PointGan):
        def build_generator(self):
            return keras.Sequential(
                [keras.Input((self.latent_size,)), keras.layers.Dense(2, activity_regularizer="l2", kernel_regularizer="l2")]
            )

    make(Adding)
    with pytest.raises(TaskError, match="cannot add losses"):
        make(Adding, shared_examples=True)


def test_double_precision_arrays_are_welcome():
    """NumPy's default type, with a penalty and with a joint batch that both mix real and generated examples."""
    numbers = np.random.default_rng(0).normal(size=(8, 2))
    for options in ({"penalised": True}, {"joint_batch": True}):
        task = make(PointGan, **options)
        history = gt.Loop(task).run(gt.data.from_arrays(numbers, batch_size=4), steps=2)
        assert np.isfinite(history.values("generator/loss")).all()


def test_permuting_a_batch_leaves_the_loss_unchanged():
    task = make(Classifier)
    batch = np.random.default_rng(0).normal(size=(6, 4)).astype("float32"), np.arange(6) % 3
    order = np.random.default_rng(1).permutation(6)
    losses = [
        float(task.evaluate((batch[0][which], batch[1][which]), gt.RandomStreams(0)).total) for which in (slice(None), order)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


class CycleGan(gt.Task):
    """Two domains, four models, two optimizers."""

    cycle_weight: float = 10.0

    def build_forward(self):
        return dense(2, 2)

    def build_backward(self):
        return dense(2, 2)

    def build_source_discriminator(self):
        return dense(2, 1)

    def build_target_discriminator(self):
        return dense(2, 1)

    def build_generators_optimizer(self):
        return keras.optimizers.Adam(0.01)

    def build_discriminators_optimizer(self):
        return keras.optimizers.Adam(0.01)

    def updates(self):
        discriminators = (self.source_discriminator, self.target_discriminator)
        return (
            gt.Update("discriminators", self.discriminators_loss, discriminators, self.discriminators_optimizer),
            gt.Update("generators", self.generators_loss, (self.forward, self.backward), self.generators_optimizer),
        )

    def discriminators_loss(self, batch, rng):
        source, target = batch
        return gt.Losses(
            {
                "source": self._gap(self.source_discriminator, source, self.backward(target)),
                "target": self._gap(self.target_discriminator, target, self.forward(source)),
            }
        )

    def generators_loss(self, batch, rng):
        source, target = batch
        made, back = self.forward(source), self.backward(target)
        cycle = tf.reduce_mean(tf.abs(self.backward(made) - source)) + tf.reduce_mean(tf.abs(self.forward(back) - target))
        fooled = tf.square(self.target_discriminator(made) - 1.0) + tf.square(self.source_discriminator(back) - 1.0)
        return gt.Losses({"adversarial": tf.reduce_mean(fooled), "cycle": self.cycle_weight * cycle})

    @staticmethod
    def _gap(discriminator, real, fake):
        return tf.reduce_mean(tf.square(discriminator(real) - 1.0) + tf.square(discriminator(fake)))


class VariationalAutoencoder(gt.Task):
    """An encoder to means and log-variances, a decoder, one optimizer for both."""

    latent_size: int = 1

    def build_encoder(self):
        return dense(2, 2 * self.latent_size)

    def build_decoder(self):
        return dense(self.latent_size, 2)

    def build_optimizer(self):
        return keras.optimizers.Adam(0.01)

    def updates(self):
        return (gt.Update("both", self.loss, (self.encoder, self.decoder), self.optimizer),)

    def loss(self, batch, rng):
        mean, log_variance = tf.split(self.encoder(batch[0]), 2, axis=1)
        latent = mean + tf.exp(log_variance / 2) * rng.normal("latent", mean.shape)
        divergence = 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - log_variance - 1.0, axis=1)
        return gt.Losses(
            {
                "reconstruction": tf.reduce_mean(tf.square(self.decoder(latent) - batch[0])),
                "divergence": tf.reduce_mean(divergence),
            }
        )


class Distillation(gt.Task):
    """A student that learns what a frozen teacher says."""

    def build_teacher(self):
        return dense(2, 3)

    def build_student(self):
        return dense(2, 3)

    def build_optimizer(self):
        return keras.optimizers.SGD(0.5)

    def updates(self):
        return (gt.Update("student", self.loss, (self.student,), self.optimizer),)

    def loss(self, batch, rng):
        wanted = tf.nn.softmax(self.teacher(batch[0]))
        return gt.Losses({"match": tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, self.student(batch[0])))})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("task_class", "frozen"), [(CycleGan, ()), (VariationalAutoencoder, ()), (Distillation, ("teacher",))])
def test_games_of_other_shapes_train_in_every_mode_with_one_trace(task_class, frozen, mode):
    numbers = np.random.default_rng(0).normal(size=(2, 40, 2)).astype("float32")
    task = make(task_class)
    before = {name: [a.copy() for a in part.get_weights()] for name, part in parts_with_weights(task)}
    loop = gt.Loop(task, compiler=gt.StepCompiler(mode, max_traces=1, steps_per_call=8))

    history = loop.run(gt.data.from_arrays((numbers[0], numbers[1] + 2.0), batch_size=8), epochs=12)

    assert f"{0 if mode == 'eager' else 1} traces" in loop.explain()
    losses = history.values(next(name for name in history.columns if name.endswith("loss")))
    assert losses[-1] < losses[0]
    for name, part in parts_with_weights(task):
        identity = all(map(np.array_equal, part.get_weights(), before[name]))
        assert identity == (name in frozen)


def parts_with_weights(task: gt.Task) -> list[tuple[str, keras.Model]]:
    return [(name, part) for name in task.part_names() if isinstance(part := getattr(task, name), keras.Model)]
