"""Networks of any shape are written out, and equal the loop."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gantape as gt

layers = keras.layers
NUMBERS = np.random.default_rng(0).normal(size=(40, 5, 3)).astype("float32")
TARGETS = NUMBERS[:, 0, :1]


class Regression(gt.SupervisedTask):
    """A regression by some network."""

    def build_optimizer(self) -> Any:
        return keras.optimizers.Adam(0.01)

    def build_loss(self) -> Any:
        return keras.losses.MeanSquaredError()


class Branching(Regression):
    """Sums, slices and functions of outputs, a layer called twice, several outputs, arguments by name, networks inside."""

    def build_model(self) -> Any:
        steps = keras.Input((5, 3), name="steps")
        shared = layers.Dense(4, activation="tanh", name="shared")
        one, other = shared(steps), shared(keras.ops.flip(steps, axis=1))
        hidden = keras.ops.relu(one * 2.0 + other)
        normalised = keras.Sequential([keras.Input((5, 4)), layers.Dense(4), layers.BatchNormalization()], name="normalised")
        hidden = hidden + normalised(hidden, training=False)
        hidden = layers.MultiHeadAttention(2, 2)(hidden, value=one, key=other)
        sequence, state, memory = layers.LSTM(4, return_sequences=True, return_state=True)(hidden)
        inputs = keras.Input((4,))
        split = keras.Model(inputs, {"up": layers.Dense(2)(inputs), "down": layers.Dense(3)(inputs)}, name="split")(memory)
        parts = [sequence[:, -1], state, keras.ops.mean(sequence, axis=1), split["up"], split["down"]]
        return keras.Model(steps, layers.Dense(1)(layers.Concatenate()(parts)))


class Masked(Regression):
    """Keras makes the mask of a network by an operation."""

    def build_model(self) -> Any:
        inputs = keras.Input((5,), dtype="int32")
        return keras.Model(inputs, layers.Dense(1)(layers.GRU(3)(layers.Embedding(7, 3, mask_zero=True)(inputs))))


class Network(keras.Model):
    """A class of models."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units
        self.first = layers.Dense(units, activation="relu")
        self.dropout = layers.Dropout(0.1)
        self.last = layers.Dense(1)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The predictions."""
        return self.last(self.dropout(self.first(inputs), training=training))[:, 0]

    def get_config(self) -> Any:
        return {"units": self.units}


class Made(keras.Model):
    """A class of functional models."""

    def __init__(self, units: int) -> None:
        inputs = keras.Input((5, 3))
        super().__init__(inputs, layers.Dense(1)(layers.Dense(units)(layers.Flatten()(inputs))))
        self.units = units

    def get_config(self) -> Any:
        return {"units": self.units}


class OwnClass(Regression):
    """A network that is a class of its own."""

    units: int = 6

    def build_model(self) -> Any:
        network = Network(self.units)
        network(tf.zeros((2, 5, 3)))
        return network


class OwnFunctional(Regression):
    """A functional network that is a class of its own."""

    def build_model(self) -> Any:
        return Made(2)


class Forgetful(Network):
    """A class of models whose configuration leaves an argument out."""

    def __init__(self, units: int = 3) -> None:
        super().__init__(units)

    def get_config(self) -> Any:
        return {}


class Halves(gt.Task):
    """One network of two parts, which two optimizers move; the first loss depends on the step."""

    model = gt.Part[Any]()
    body = gt.Part[Any]()
    head = gt.Part[Any]()
    slow = gt.Part[Any]()
    fast = gt.Part[Any]()

    def build_model(self) -> Any:
        inputs = keras.Input((5, 3))
        return keras.Model(inputs, self.head(self.body(inputs)))

    def build_body(self) -> Any:
        return keras.Sequential([keras.Input((5, 3)), layers.Flatten(), layers.Dense(4, activation="relu")], name="body")

    def build_head(self) -> Any:
        return keras.Sequential([keras.Input((4,)), layers.Dense(1)], name="head")

    def build_slow(self) -> Any:
        return keras.optimizers.SGD(0.001)

    def build_fast(self) -> Any:
        return keras.optimizers.Adam(0.01)

    def updates(self) -> Any:
        return (
            gt.Update("slow", self.warmed, (self.body,), self.slow),
            gt.Update("fast", self.loss, (self.head,), self.fast),
        )

    def loss(self, batch: Any, rng: Any) -> gt.Losses:
        predicted = self.model(batch["steps"], training=True)
        return gt.Losses({"error": tf.reduce_mean(tf.square(predicted - batch["target"]))})

    def warmed(self, batch: Any, rng: Any) -> gt.Losses:
        share = tf.minimum(tf.cast(rng.step, tf.float32) / 100.0, 1.0)
        return gt.Losses({"error": share * self.loss(batch, rng).total})


class Quantised(gt.Task):
    """An autoencoder whose codes are rows of a variable, which are looked up."""

    encoder = gt.Part[Any]()
    decoder = gt.Part[Any]()
    codes = gt.Part[Any]()
    optimizer = gt.Part[Any]()

    def build_encoder(self) -> Any:
        return keras.Sequential([keras.Input((5, 3)), layers.Flatten(), layers.Dense(2)])

    def build_decoder(self) -> Any:
        return keras.Sequential([keras.Input((2,)), layers.Dense(15), layers.Reshape((5, 3))])

    def build_codes(self) -> Any:
        return keras.Variable(NUMBERS[0, :, :2], name="codes")

    def build_optimizer(self) -> Any:
        return keras.optimizers.Adam(0.01)

    def updates(self) -> Any:
        return (gt.Update("all", self.loss, (self.encoder, self.decoder, self.codes), self.optimizer),)

    def loss(self, batch: Any, rng: Any) -> gt.Losses:
        steps, _ = batch
        latents = self.encoder(steps, training=True)
        distances = tf.reduce_sum(tf.square(latents[:, None] - self.codes.value[None]), axis=-1)
        code = tf.gather(self.codes.value, tf.argmin(distances, axis=1))
        made = self.decoder(latents + tf.stop_gradient(code - latents), training=True)
        codebook = tf.reduce_mean(tf.square(tf.stop_gradient(latents) - code))
        return gt.Losses({"reconstruction": tf.reduce_mean(tf.square(made - steps)), "codebook": codebook})


class Features(gt.Task):
    """A network that is trained on its own features too."""

    model = gt.Part[Any]()
    features = gt.Part[Any]()
    optimizer = gt.Part[Any]()

    def build_model(self) -> Any:
        inputs = keras.Input((5, 3))
        hidden = layers.Dense(4, activation="tanh", name="hidden")(layers.Flatten()(inputs))
        return keras.Model(inputs, layers.Dense(1)(hidden))

    def build_features(self) -> Any:
        return keras.Model(self.model.inputs, self.model.get_layer("hidden").output)

    def build_optimizer(self) -> Any:
        return keras.optimizers.Adam(0.01)

    def updates(self) -> Any:
        return (gt.Update("model", self.loss, (self.model,), self.optimizer),)

    def loss(self, batch: Any, rng: Any) -> gt.Losses:
        steps, target = batch
        error = tf.reduce_mean(tf.square(self.model(steps, training=True) - target))
        return gt.Losses({"error": error, "size": tf.reduce_mean(tf.square(self.features(steps, training=True)))})


class TwoHeads(Features):
    """Two networks that share a layer."""

    def build_features(self) -> Any:
        return keras.Model(self.model.inputs, layers.Dense(2)(self.model.get_layer("hidden").output))


class Penalised(Features):
    """A loss that uses weights and a layer of the network."""

    def build_features(self) -> Any:
        return layers.Flatten()

    def loss(self, batch: Any, rng: Any) -> gt.Losses:
        steps, target = batch
        error = tf.reduce_mean(tf.square(self.model(steps, training=True) - target))
        weights = tf.add_n([tf.nn.l2_loss(one) for one in self.model.trainable_variables if one.name == "kernel"])
        hidden = self.model.get_layer("hidden")(self.features(steps))
        return gt.Losses({"error": error, "size": 0.001 * weights, "hidden": tf.reduce_mean(tf.square(hidden))})


PAIRS = gt.data.from_arrays((NUMBERS, TARGETS), batch_size=8)
KINDS: dict[str, Any] = {
    "branching": (Branching, PAIRS),
    "masked": (Masked, gt.data.from_arrays((np.arange(200).reshape(40, 5).astype("int32") % 7, TARGETS), batch_size=8)),
    "own class": (OwnClass, PAIRS),
    "own functional class": (OwnFunctional, PAIRS),
    "rows looked up": (Quantised, PAIRS),
    "features of another": (Features, PAIRS),
    "weights and a layer": (Penalised, PAIRS),
    "parts inside a part": (Halves, gt.data.from_arrays({"target": TARGETS, "steps": NUMBERS}, batch_size=8)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_is_written_out(kind: str) -> None:
    task_class, data = KINDS[kind]
    assert gt.eject(task_class(), data).check.equal


def test_names_of_the_author_are_those_of_the_program() -> None:
    text = gt.eject(Branching(), PAIRS, check=0).text
    assert 'name="steps")' in text
    assert text.count("= shared(") == 2
    assert "[:, -1]" in text
    halves, data = KINDS["parts inside a part"]
    assert "def update_slow(steps, target, step, place):" in gt.eject(halves(), data, check=0).text


def test_a_loss_that_depends_on_the_step_compiles() -> None:
    task_class, data = KINDS["parts inside a part"]
    made = gt.eject(task_class(), data, compiled=True)
    assert made.check.share < 1e-5


def test_a_network_that_cannot_be_made_again_is_refused() -> None:
    class Lost(Regression):
        def build_model(self) -> Any:
            network = Forgetful(5)
            network(tf.zeros((2, 5, 3)))
            return network

    with pytest.raises(gt.errors.EjectError, match="get_config leaves out"):
        gt.eject(Lost(), PAIRS)


def test_networks_that_share_a_layer_are_refused() -> None:
    with pytest.raises(gt.errors.EjectError, match="share a layer"):
        gt.eject(TwoHeads(), PAIRS)
