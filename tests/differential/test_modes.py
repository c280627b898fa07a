"""The modes compute one training: small tasks are drawn, and compared in all four after a few steps.

In float64, so that only random numbers, which are drawn in float32, hide differences above 1e-7 in rounding.
"""

from typing import Any

import attrs
import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import MODES, double_precision

import gantape as gt
from gantape.testing import assert_modes_agree

layers = keras.layers

BLOCKS = {
    "dense": lambda: [layers.Dense(3, activation="tanh")],
    "batch norm": lambda: [layers.Dense(3), layers.BatchNormalization(), layers.ReLU()],
    "layer norm": lambda: [layers.Dense(3), layers.LayerNormalization()],
    "dropout": lambda: [layers.Dense(3), layers.Dropout(0.3, seed=2)],
    "regularised": lambda: [layers.Dense(3, kernel_regularizer="l2", activity_regularizer="l1")],
    "convolution": lambda: [layers.Reshape((2, 2, 1)), layers.Conv2D(2, 2, padding="same"), layers.Flatten()],
    "recurrent": lambda: [layers.Reshape((2, 2)), layers.GRU(3)],
    "frozen": lambda: [layers.Dense(4, trainable=False), layers.Dense(3)],
}
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1, clipnorm=1.0),
    "average": lambda: keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=2),
    "schedule": lambda: keras.optimizers.RMSprop(keras.optimizers.schedules.CosineDecay(0.01, 4)),
}
PENALTIES = {
    "none": (),
    "gradient": (gt.losses.GradientPenalty(),),
    "lazy": (gt.losses.Lazy(gt.losses.R1(), every=2), gt.losses.R2()),
}
LOSSES = {"ns": gt.losses.NonSaturating(), "wasserstein": gt.losses.Wasserstein(), "pairs": gt.losses.RelativisticPairing()}


class Drawn(gt.SupervisedTask):
    block: str
    optimizer_name: str
    accumulate: int = 1
    skip: bool = False

    def build_model(self):
        return keras.Sequential([keras.Input((4,)), *BLOCKS[self.block](), layers.Dense(2)])

    def build_optimizer(self):
        return OPTIMIZERS[self.optimizer_name]()

    def build_loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def build_metrics(self):
        return gt.MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())

    def updates(self):
        options = gt.GradientOptions(accumulate=self.accumulate, skip_nonfinite=self.skip, clip_norm=1.0)
        return tuple(attrs.evolve(update, loss=self.sometimes, gradient_options=options) for update in super().updates())

    def sometimes(self, batch, rng):
        """The loss; infinite in the second step if updates may be skipped."""
        losses = self._losses(batch, training=True)
        factor = keras.ops.cast(rng.step != 1, "float64") if self.skip else 1.0
        return gt.Losses({name: term / factor for name, term in losses.terms.items()}, losses.metrics)


class DrawnGan(gt.AdversarialTask):
    block: str
    penalty: str
    loss_name: str
    latent_size: int = 4

    def build_generator(self):
        return keras.Sequential([keras.Input((4,)), *BLOCKS[self.block](), layers.Dense(2)])

    def build_discriminator(self):
        return keras.Sequential([keras.Input((2,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])

    def build_loss(self):
        return LOSSES[self.loss_name]

    def build_penalties(self):
        return PENALTIES[self.penalty]


supervised = st.builds(
    lambda **fields: (Drawn, fields),
    block=st.sampled_from(sorted(BLOCKS)),
    optimizer_name=st.sampled_from(sorted(OPTIMIZERS)),
    accumulate=st.integers(1, 2),
    skip=st.booleans(),
)
adversarial = st.builds(
    lambda **fields: (DrawnGan, fields),
    block=st.sampled_from(sorted(BLOCKS)),
    penalty=st.sampled_from(sorted(PENALTIES)),
    loss_name=st.sampled_from(sorted(LOSSES)),
    discriminator_updates=st.integers(1, 2),
    generator_decay=st.sampled_from([0.0, 0.9]),
    shared_examples=st.booleans(),
    joint_batch=st.booleans(),
)
numbers = np.random.default_rng(0)
labelled = (numbers.normal(size=(24, 4)), numbers.integers(0, 2, 24))
points = numbers.normal(size=(24, 2))


@settings(max_examples=settings.default.max_examples // 6)
@given(drawn=st.one_of(supervised, adversarial))
def test_the_modes_compute_one_training(drawn: tuple[type[Any], dict[str, Any]]) -> None:
    task_class, fields = drawn
    if fields.get("shared_examples") and fields["block"] == "regularised":
        fields = {**fields, "shared_examples": False}  # refused: a layer of the generator adds a loss
    data = gt.data.from_arrays(labelled if task_class is Drawn else points, batch_size=4)
    modes = MODES[:2] if fields["block"] == "dropout" else MODES  # from one seed, XLA draws other masks
    with double_precision():
        assert_modes_agree(lambda: task_class(**fields), data, modes=modes, seed=4)
