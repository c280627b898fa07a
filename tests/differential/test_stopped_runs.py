"""Whatever a task is made of, and wherever it is stopped: resumed by a new process, a run ends as one without a stop.

Another process is imitated by new objects, made with other random seeds, after Keras has numbered other layers.
"""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import keras
import numpy as np
import tensorflow as tf
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import gantape as gt
from gantape.testing import assert_resumes_exactly

layers = keras.layers
INPUTS = np.random.default_rng(0).normal(2.0, 3.0, (20, 4)).astype("float32")
TARGETS = np.eye(3, dtype="float32")[np.random.default_rng(1).integers(0, 3, 20)]


class Nets(NamedTuple):
    first: Any
    second: Any


@attrs.frozen
class Kept:
    nets: Any


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "dict": lambda nets: dict(zip("ab", nets, strict=True)),
    "named tuple": lambda nets: Nets(*nets),
    "object": lambda nets: Kept([{"nets": nets}]),
}
METRICS = {
    "accuracy": lambda: keras.metrics.CategoricalAccuracy(),
    "F1": lambda: keras.metrics.F1Score(average="macro"),
    "F1 of classes": lambda: keras.metrics.F1Score(average=None),
    "R2": lambda: keras.metrics.R2Score(),
    "AUC": lambda: keras.metrics.AUC(multi_label=True, num_thresholds=5),
}
MIDDLES = {
    "nothing": lambda: layers.Activation("linear"),
    "dropout": lambda: layers.Dropout(0.4),
    "seeded dropout": lambda: layers.Dropout(0.4, seed=3),
    "batch norm": lambda: layers.BatchNormalization(),
    "noise": lambda: layers.GaussianNoise(0.2),
    "spectral norm": lambda: layers.SpectralNormalization(layers.Dense(5)),
    "regularised": lambda: layers.Dense(5, kernel_regularizer="l2"),
}
OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.05),
    "own average": lambda: keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True),
    "accumulation": lambda: keras.optimizers.RMSprop(0.02, gradient_accumulation_steps=2),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 6)),
}


class Drawn(gt.Task):
    """Two models in a container that are averaged in a third, with everything that has state around them."""

    container: str = "list"
    metric: str = "accuracy"
    middle: str = "dropout"
    optimizer: str = "adam"
    every: int = 1
    adapted: bool = False
    seed_generator: bool = False

    def build_nets(self):
        return CONTAINERS[self.container]([self.net() for _ in range(2)])

    def build_average(self):
        return self.net()

    def build_optimizers(self):
        return {"first": [OPTIMIZERS[self.optimizer]()], "second": OPTIMIZERS[self.optimizer]()}

    def build_normalizer(self):
        layer = layers.Normalization()
        layer.build((None, 4))
        return layer

    def build_temperature(self):
        return keras.Variable(1.0, name="temperature")

    def build_randomness(self):
        return {"noise": keras.random.SeedGenerator()}

    def build_metrics(self):
        return gt.MetricSet(m=METRICS[self.metric](), mean=keras.metrics.Mean())

    def net(self):
        return keras.Sequential([keras.Input((4,)), layers.Dense(5), MIDDLES[self.middle](), layers.Dense(3)])

    def members(self) -> Any:
        nets = self.nets.nets[0]["nets"] if self.container == "object" else self.nets
        return list(nets.values()) if isinstance(nets, dict) else list(nets)

    def updates(self):
        first, second = self.members()
        average = gt.ExponentialMovingAverage(first, self.average, 0.7)
        return (
            gt.Update("first", self.first, (first,), self.optimizers["first"][0], average=average),
            gt.Update("second", self.second, (second, self.temperature), self.optimizers["second"], every=self.every),
        )

    def first(self, batch, rng):
        inputs, targets = batch
        if self.seed_generator:
            inputs += 0.1 * keras.random.normal(inputs.shape, seed=self.randomness["noise"])
        return self.losses(self.members()[0](self.normalizer(inputs), training=True), targets)

    def second(self, batch, rng):
        inputs, targets = batch
        scores = self.members()[1](self.normalizer(inputs + rng.normal("noise", inputs.shape)), training=True)
        return gt.Losses(self.losses(tf.cast(scores, tf.float32) * self.temperature.value, targets).terms)

    def evaluate(self, batch, rng):
        return self.losses(self.average(self.normalizer(batch[0]), training=False), batch[1])

    def losses(self, scores, targets):
        scores = tf.cast(scores, tf.float32)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, scores))
        return gt.Losses({"entropy": loss}, {"m": (targets, tf.nn.softmax(scores)), "mean": (scores,)})


tasks = st.fixed_dictionaries(
    {
        "container": st.sampled_from(list(CONTAINERS)),
        "metric": st.sampled_from(list(METRICS)),
        "middle": st.sampled_from(list(MIDDLES)),
        "optimizer": st.sampled_from(list(OPTIMIZERS)),
        "every": st.sampled_from([1, 3]),
        "adapted": st.booleans(),
        "seed_generator": st.booleans(),
        "precision": st.sampled_from(["float32", "mixed_float16", "mixed_bfloat16"]),
    }
)


def data() -> gt.data.ArrayBatches:
    """Five batches an epoch."""
    return gt.data.from_arrays((INPUTS, TARGETS), batch_size=4)


def made(options: dict[str, Any]) -> Drawn:
    task = Drawn(**options)
    if options["adapted"]:
        task.normalizer.adapt(INPUTS)
    return task


@settings(max_examples=max(5, settings().max_examples // 5), phases=[Phase.explicit, Phase.generate])
@given(
    options=tasks, stops=st.sets(st.integers(1, 6), min_size=1, max_size=2), mode=st.sampled_from(["eager", "eager", "graph"])
)
def test_a_resumed_run_ends_as_one_without_a_stop(options: dict[str, Any], stops: set[int], mode: Any) -> None:
    compiler, record = gt.StepCompiler(mode, steps_per_call=2), gt.every(steps=4) | gt.at_end()
    assert_resumes_exactly(lambda: made(options), data, steps=7, stops=sorted(stops), compiler=compiler, record=record)


@settings(max_examples=max(3, settings().max_examples // 8), phases=[Phase.explicit, Phase.generate])
@given(options=tasks)
@example(
    options={
        "container": "object",
        "metric": "F1",
        "middle": "batch norm",
        "optimizer": "adam",
        "every": 1,
        "adapted": True,
        "seed_generator": False,
        "precision": "mixed_bfloat16",
    }
)
def test_the_best_checkpoint_is_what_its_row_says(options: dict[str, Any]) -> None:
    """The new task is not adapted."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder, "run")
        loop = gt.Loop(
            made(options),
            compiler=gt.StepCompiler("eager"),
            run_dir=run_dir,
            checkpoints=gt.Checkpoints(best=gt.Best("loss"), every=gt.every(seconds=1e9)),
            progress=False,
        )
        history = loop.run(data(), validation=data(), steps=7, record=gt.every(steps=2))
        keras.utils.set_random_seed(7)
        task = Drawn(**options)
        state = gt.load_best(run_dir, task)
        row = next(row for row in history if (row["step"], row["split"]) == (state.step, "validation"))
        found = gt.Loop(task, compiler=gt.StepCompiler("eager")).evaluate(data())
        assert found == {name: row[name] for name in found}
        assert found["loss"] == min(history.values("loss", "validation"))


class Gan(gt.AdversarialTask):
    """A GAN whose penalty is computed in every second step only."""

    latent_size: int = 3
    generator_decay: float = 0.8

    def build_generator(self):
        return keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2)])

    def build_discriminator(self):
        return keras.Sequential([keras.Input((2,)), layers.Dense(4, "tanh"), layers.Dropout(0.3), layers.Dense(1)])

    def build_penalties(self):
        return (gt.losses.Lazy(gt.losses.GradientPenalty(), 2),)


def test_a_gan_with_a_lazy_penalty_does_so_too() -> None:
    points = gt.data.from_arrays(INPUTS[:, :2], batch_size=4)
    assert_resumes_exactly(lambda: Gan(), points, steps=6, stops=(3,), compiler=gt.StepCompiler("eager"))
