"""The optimizers of cases and their options, by name."""

from typing import Any

import keras
import tensorflow as tf
from keras.optimizers import LossScaleOptimizer

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "Adam": {"amsgrad": True, "beta_1": 0.5, "epsilon": 1e-4},
    "AdamW": {"amsgrad": True},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "Adagrad": {"initial_accumulator_value": 0.5},
    "Adadelta": {"rho": 0.9},
    "Adamax": {"beta_2": 0.9},
    "Nadam": {"beta_1": 0.8},
    "Ftrl": {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.01},
    "Lion": {"beta_1": 0.8},
    "Lamb": {"beta_1": 0.8},
    "Adafactor": {"clip_threshold": 0.8},
    "Muon": {"momentum": 0.8},
    "ScheduleFreeAdamW": {"warmup_steps": 3},
}
"""Optimizers, each with options of its own."""

OPTIONS: dict[str, Any] = {
    "weight_decay": 0.01,
    "clipnorm": 0.1,
    "global_clipnorm": 0.1,
    "clipvalue": 0.05,
    "use_ema": True,
    "ema_overwrite_frequency": 2,
    "gradient_accumulation_steps": 2,
}
"""Options of every optimizer."""

SCHEDULES: dict[str, Any] = {
    "constant": lambda: 0.02,
    "exponential": lambda: keras.optimizers.schedules.ExponentialDecay(0.05, decay_steps=2, decay_rate=0.7),
    "cosine": lambda: keras.optimizers.schedules.CosineDecay(0.01, decay_steps=6, warmup_target=0.05, warmup_steps=2),
    "steps": lambda: keras.optimizers.schedules.PiecewiseConstantDecay([2, 4], [0.05, 0.02, 0.01]),
}
"""Learning rates."""


def make_optimizer(case: Any, *, dense: bool = False, **further: Any) -> Any:
    """The optimizer of a case.

    Args:
        case: The case.
        dense: Whether the gradient of an embedding is summed up for each row before the optimizer sees it.
        further: Further options.
    """
    options = dict(case.options) | further
    if options.get("ema_overwrite_frequency"):
        options["use_ema"] = True
    if options.get("nesterov"):
        options.setdefault("momentum", 0.5)
    kind = getattr(keras.optimizers, case.optimizer)
    optimizer = (_summing_rows(kind) if dense else kind)(SCHEDULES[case.schedule](), **options)
    if dense and case.policy == "mixed_float16":
        return _summing_rows(LossScaleOptimizer)(optimizer, name="loss_scale_optimizer")  # else `compile` makes one
    return optimizer


def _summing_rows(kind: type[Any]) -> type[Any]:
    class SummingRows(kind):
        def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
            return super().apply([tf.convert_to_tensor(gradient) for gradient in grads], trainable_variables)

    SummingRows.__name__ = kind.__name__
    return SummingRows
