"""A task is a class of typed hyper-parameters and parts that exist when the constructor returns; any training can be one."""

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import Classifier, PointGan, make, points

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


SHARED_METRICS = gt.MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())


def test_training_and_evaluation_do_not_share_a_metric() -> None:
    class OneMetric(Classifier):
        def build_metrics(self):
            return SHARED_METRICS

    with pytest.raises(TaskError, match="share a metric"):
        OneMetric()
