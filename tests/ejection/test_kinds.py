"""Kinds of updates, losses and parts: each is written out, and equals the loop."""

import re
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt
from gantape.errors import EjectError
from gantape.layers import MinibatchDeviation
from gantape.losses import R1, Lazy, Ramp
from gantape.zoo import DCGAN, CycleGAN, DigitClassifier, VariationalAutoencoder

IMAGES = gt.data.digits(batch_size=4, labels=False, pixels=(-1.0, 1.0))
LABELLED = gt.data.digits(batch_size=4)
NUMBERS = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
layers = keras.layers


class LazyGAN(DCGAN):
    """A GAN with a penalty in every second step, an average by half-life, several updates and a layer that compares."""

    width: int = 2
    hidden_units: int = 4
    latent_size: int = 4
    discriminator_updates: int = 2
    generator_decay: float = 0.0
    generator_half_life: float = 100.0

    def build_penalties(self) -> Any:
        return (Lazy(R1(1.0), every=2),)

    def build_discriminator(self) -> Any:
        network = [keras.Input((28, 28, 1)), layers.Conv2D(2, 4, strides=4), MinibatchDeviation(), layers.Flatten()]
        return keras.Sequential([*network, layers.Dense(1)])


class Accumulating(DCGAN):
    """A GAN whose discriminator accumulates gradients and clips them."""

    width: int = 2
    hidden_units: int = 4
    latent_size: int = 4
    discriminator_updates: int = 2

    def build_discriminator_gradient_options(self) -> gt.GradientOptions:
        return gt.GradientOptions(accumulate=2, clip_norm=0.5, clip_weights=0.1)


class Outputs(gt.SupervisedTask):
    """Two outputs with losses and weights by name, regularised weights and a loss that a layer adds."""

    def build_model(self) -> Any:
        inputs = keras.Input((3,))
        hidden = layers.Dense(4, activation="tanh", activity_regularizer=keras.regularizers.L2(0.01))(inputs)
        first = layers.Dense(1, kernel_regularizer="l2", name="first")(hidden)
        return keras.Model(inputs, {"first": first, "second": layers.Dense(2, name="second")(hidden)})

    def build_optimizer(self) -> Any:
        return keras.optimizers.SGD(0.1, momentum=0.5)

    def build_loss(self) -> Any:
        return {
            "first": keras.losses.MeanSquaredError(),
            "second": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        }

    def build_loss_weights(self) -> Any:
        return {"first": 0.5}

    def build_metrics(self) -> Any:
        return gt.MetricSet(accuracy=gt.OutputMetric(keras.metrics.SparseCategoricalAccuracy(), output="second"))


def bent(values: Any) -> Any:
    """An activation."""
    return values * tf.sigmoid(2.0 * values)


class Settled(gt.SupervisedTask):
    """What Keras keeps elsewhere: dropout's random numbers, a schedule, averages of weights, a loss's argument, a function."""

    delta: float = 0.5
    rate: float = 0.01

    def build_model(self) -> Any:
        network = [layers.Dense(4, bent), layers.Dropout(0.5), layers.BatchNormalization(), layers.Dense(1)]
        return keras.Sequential([keras.Input((3,)), *network])

    def build_optimizer(self) -> Any:
        rates = keras.optimizers.schedules.CosineDecay(self.rate, 10)
        return keras.optimizers.Adam(rates, beta_1=0.5, use_ema=True, ema_momentum=0.9)

    def build_loss(self) -> Any:
        return keras.losses.Huber(self.delta)


class Numbered(Outputs):
    """Hyper-parameters of equal values, one of which is a number in the loss too."""

    first_weight: float = 0.25
    second_weight: float = 0.25

    def build_loss(self) -> Any:
        return self.weighted

    def weighted(self, targets: Any, predictions: Any) -> Any:
        first = tf.reduce_mean(tf.square(targets["first"] - predictions["first"]))
        second = tf.reduce_mean(predictions["second"])
        return self.first_weight * first + self.second_weight * second + 0.25 * tf.square(second)

    def build_loss_weights(self) -> Any:
        return {}


class Weighted(DigitClassifier):
    """A classifier with weights of classes."""

    hidden_units: int = 4

    def build_class_weights(self) -> Any:
        return {3: 2.0, 5: 0.5}


class Tempered(gt.Task):
    """Two updates of a custom task with helper methods: one moves a variable of its own and one layer, every second step."""

    model = gt.Part[Any]()
    temperature = gt.Part[Any]()
    model_optimizer = gt.Part[Any]()
    rest_optimizer = gt.Part[Any]()

    def build_model(self) -> Any:
        return keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(3)])

    def build_temperature(self) -> Any:
        return keras.Variable(1.5, name="temperature")

    def build_model_optimizer(self) -> Any:
        return keras.optimizers.Adam(0.01)

    def build_rest_optimizer(self) -> Any:
        return keras.optimizers.SGD(0.01)

    def updates(self) -> Any:
        rest = [self.temperature, self.model.layers[-1].bias]
        return (
            gt.Update("model", self.loss, (self.model,), self.model_optimizer),
            gt.Update("rest", self.loss, rest, self.rest_optimizer, every=2),
        )

    def loss(self, batch: Any, rng: Any) -> gt.Losses:
        """The loss of both."""
        # Noise keeps
        # the model honest.
        noisy = batch + 0.1 * rng.normal("noise", tf.shape(batch))
        return gt.Losses({"error": lambda: self.error(batch, noisy), "size": 0.01 * tf.square(self.temperature.value)})

    def error(self, batch: Any, noisy: Any) -> Any:
        """A helper."""
        # Warm predictions are cooled.
        return tf.reduce_mean(tf.square(self.model(noisy, training=True) / self.temperature.value - batch))


class Taught(Tempered):
    """A teacher that follows its student with the same decay in all steps."""

    teacher = gt.Part[Any]()
    decay: Any = 0.9

    def build_teacher(self) -> Any:
        return keras.models.clone_model(self.model)

    def updates(self) -> Any:
        model, rest = super().updates()
        average = gt.ExponentialMovingAverage(self.model, self.teacher, self.decay, warm_up=False)
        return attrs.evolve(model, average=average), rest


def pairs(batch_size: int = 4) -> Any:
    images = NUMBERS[:32, :1, None, None] * np.ones((1, 28, 28, 1), "float32")
    return gt.data.from_arrays((images, -images), batch_size=batch_size)


KINDS: dict[str, Any] = {
    "lazy": (lambda: LazyGAN(), lambda: IMAGES),
    "accumulating": (lambda: Accumulating(), lambda: IMAGES),
    "outputs": (
        lambda: Outputs(),
        lambda: gt.data.from_arrays(
            (NUMBERS, {"first": NUMBERS[:, :1], "second": (NUMBERS[:, 0] > 0.0).astype("int32")}), batch_size=4
        ),
    ),
    "settings of Keras": (lambda: Settled(), lambda: gt.data.from_arrays((NUMBERS, NUMBERS[:, :1]), batch_size=4)),
    "sample weights": (
        lambda: DigitClassifier(hidden_units=4),
        lambda: gt.data.from_arrays(
            (np.zeros((8, 28, 28, 1), "float32"), np.arange(8), np.linspace(0.0, 1.0, 8, dtype="float32")), batch_size=4
        ),
    ),
    "class weights": (lambda: Weighted(), lambda: LABELLED),
    "custom": (lambda: Tempered(), lambda: gt.data.from_arrays(NUMBERS, batch_size=4)),
    "teacher": (lambda: Taught(), lambda: gt.data.from_arrays(NUMBERS, batch_size=4)),
    "shared pass and pool": (lambda: CycleGAN(width=1, pool_size=8), pairs),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_equals_the_loop(kind: str) -> None:
    task, data = (make() for make in KINDS[kind])
    assert gt.eject(task, data).check.equal


def test_a_scheduled_average_is_refused() -> None:
    with pytest.raises(EjectError, match="function of the step"):
        gt.eject(Taught(decay=Ramp(0.5, 1.0)), gt.data.from_arrays(NUMBERS, batch_size=4))


def test_batches_that_fill_no_step_are_left_out_in_each_epoch() -> None:
    class Twice(Settled):
        def updates(self) -> Any:
            return tuple(attrs.evolve(update, repeats=2) for update in super().updates())

    five = gt.data.from_arrays((NUMBERS, NUMBERS[:, :1]), batch_size=8)
    assert gt.eject(Twice(), five, check=5).check.equal


def test_equal_numbers_keep_their_own_names() -> None:
    text = gt.eject(Numbered(), KINDS["outputs"][1](), check=0).text
    assert re.search(r"FIRST_WEIGHT \* \w+\) \+ \(SECOND_WEIGHT \* \w+\)\) \+ \(0\.25 \* tf", text), text


def test_hyperparameters_are_the_same_objects_afterwards() -> None:
    task, weight = Numbered(), Numbered().first_weight
    gt.eject(task, KINDS["outputs"][1](), check=0)
    assert task.first_weight is weight


def test_a_trained_task_is_refused() -> None:
    task, data = (make() for make in KINDS["settings of Keras"])
    gt.Loop(task, progress=False).run(data, steps=1)
    with pytest.raises(EjectError, match="done 1 step"):
        gt.eject(task, data)


def test_a_lambda_in_a_network_is_refused() -> None:
    class Short(Settled):
        def build_model(self) -> Any:
            return keras.Sequential([keras.Input((3,)), layers.Dense(1, lambda values: 2.0 * values)])

    with pytest.warns(UserWarning, match="lambda"), pytest.raises(EjectError, match="a lambda"):
        gt.eject(Short(), KINDS["settings of Keras"][1]())


def test_comments_and_docstrings_of_a_loss_are_those_of_the_author() -> None:
    task, data = (make() for make in KINDS["custom"])
    text = gt.eject(task, data, check=0).text
    assert (
        '''):
    """The loss of both."""
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        # Noise keeps
        # the model honest.
        noise = '''
        in text
    )
    assert len(re.findall(r"# Warm predictions are cooled\.\n +\w+ = model\(noisy, training=True\)", text)) == 2, text


def test_a_shared_pass_through_which_gradients_flow_is_refused() -> None:
    with pytest.raises(EjectError, match="SharedPass with models"):
        gt.eject(DCGAN(width=2, hidden_units=4, latent_size=4, shared_examples=True), IMAGES)


@pytest.mark.parametrize(
    "kind", ["custom", pytest.param("lazy", marks=pytest.mark.slow), pytest.param("accumulating", marks=pytest.mark.slow)]
)
def test_compiled_steps_equal_those_of_graph_mode(kind: str) -> None:
    task, data = (make() for make in KINDS[kind])
    made = gt.eject(task, data, compiled=True)
    assert made.check.mode == "graph"
    assert made.check.share < 1e-5
    assert "@tf.function" in made.text


@pytest.mark.slow
def test_other_tasks_compile_too() -> None:
    made = gt.eject(VariationalAutoencoder(hidden_units=4), gt.data.digits(batch_size=4, labels=False), compiled=True, check=2)
    assert made.check.share < 1e-5
