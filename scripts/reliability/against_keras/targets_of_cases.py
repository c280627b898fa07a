"""What the models of cases are to predict: targets with their losses and metrics, by name."""

from collections.abc import Callable
from typing import Any

import attrs
import keras
import numpy as np

Array = np.ndarray[Any, Any]
losses, metrics = keras.losses, keras.metrics
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


@attrs.frozen
class Target:
    """A kind of targets.

    Args:
        units: Units of the last layer.
        draw: Targets for a number of examples, and of steps.
        losses: Losses by name, each with the activation of the last layer; made with a reduction.
        metrics: Metrics by name.
        steps: Whether there is a target for each step of a sequence.
    """

    units: int
    draw: Draw
    losses: dict[str, tuple[str, Callable[..., Any]]]
    metrics: dict[str, Callable[..., Any]]
    steps: bool = False


def _mean_square(targets: Any, predictions: Any) -> Any:
    """A loss as a function, for each example."""
    return keras.ops.mean(keras.ops.square(targets - predictions), axis=-1)


_REGRESSION = {
    "mean_squared_error": ("linear", losses.MeanSquaredError),
    "mean_absolute_error": ("linear", losses.MeanAbsoluteError),
    "huber": ("linear", lambda **options: losses.Huber(0.5, **options)),
    "log_cosh": ("tanh", losses.LogCosh),
    "cosine": ("linear", losses.CosineSimilarity),
    "logarithmic": ("relu", losses.MeanSquaredLogarithmicError),
    "percentage": ("linear", losses.MeanAbsolutePercentageError),
    "poisson": ("softplus", losses.Poisson),
}
_BINARY = {
    "logits": ("linear", lambda **options: losses.BinaryCrossentropy(from_logits=True, **options)),
    "probabilities": ("sigmoid", lambda **options: losses.BinaryCrossentropy(label_smoothing=0.1, **options)),
    "hinge": ("tanh", losses.Hinge),
    "squared_hinge": ("linear", losses.SquaredHinge),
    "focal": ("sigmoid", lambda **options: losses.BinaryFocalCrossentropy(apply_class_balancing=True, **options)),
}
_CLASSES = {
    "logits": ("linear", lambda **options: losses.SparseCategoricalCrossentropy(from_logits=True, **options)),
    "probabilities": ("softmax", losses.SparseCategoricalCrossentropy),
    "ignored": ("linear", lambda **options: losses.SparseCategoricalCrossentropy(True, ignore_class=0, **options)),
}
_SPARSE_METRICS = {
    "accuracy": metrics.SparseCategoricalAccuracy,
    "top": lambda name: metrics.SparseTopKCategoricalAccuracy(k=2, name=name),
    "cross_entropy": lambda name: metrics.SparseCategoricalCrossentropy(from_logits=True, name=name),
    "overlap": lambda name: metrics.MeanIoU(3, sparse_y_pred=False, name=name),
}

TARGETS: dict[str, Target] = {
    "regression": Target(
        2,
        lambda rng, shape: rng.normal(size=(shape[0], 2)),
        _REGRESSION,
        {
            "mae": metrics.MeanAbsoluteError,
            "rmse": metrics.RootMeanSquaredError,
            "cosine": metrics.CosineSimilarity,
            "r2": metrics.R2Score,
            "log_cosh": metrics.LogCoshError,
        },
    ),
    "binary": Target(
        1,
        lambda rng, shape: rng.integers(0, 2, (shape[0], 1)).astype(keras.config.floatx()),
        _BINARY,
        {
            "accuracy": metrics.BinaryAccuracy,
            "auc": lambda name: metrics.AUC(20, from_logits=True, name=name),
            "precision": metrics.Precision,
            "recall": metrics.Recall,
            "cross_entropy": lambda name: metrics.BinaryCrossentropy(from_logits=True, name=name),
        },
    ),
    "classes": Target(3, lambda rng, shape: rng.integers(0, 3, shape[0]), _CLASSES, _SPARSE_METRICS),
    "one hot": Target(
        3,
        lambda rng, shape: np.eye(3, dtype=keras.config.floatx())[rng.integers(0, 3, shape[0])],
        {
            "logits": ("linear", lambda **options: losses.CategoricalCrossentropy(True, label_smoothing=0.1, **options)),
            "probabilities": ("softmax", losses.CategoricalCrossentropy),
            "divergence": ("softmax", losses.KLDivergence),
            "focal": ("softmax", losses.CategoricalFocalCrossentropy),
            "hinge": ("linear", losses.CategoricalHinge),
        },
        {
            "accuracy": metrics.CategoricalAccuracy,
            "f1": lambda name: metrics.F1Score("macro", name=name),
            "divergence": metrics.KLDivergence,
            "overlap": lambda name: metrics.OneHotMeanIoU(3, name=name),
        },
    ),
    "classes of steps": Target(3, lambda rng, shape: rng.integers(0, 3, shape), _CLASSES, _SPARSE_METRICS, steps=True),
}
"""Kinds of targets."""


OTHER = "other"
"""The name of a second output, two numbers for each example."""


def make_losses(case: Any) -> Any:
    """The loss of a case; for two outputs one for each, in the container of the outputs."""
    loss = TARGETS[case.target].losses[case.loss][1](reduction=case.reduction)
    if case.outputs == "one":
        return loss
    pair = {"predictions": loss, OTHER: losses.MeanSquaredError()}
    return pair if case.outputs == "dict" else list(pair.values())


def make_loss_weights(case: Any) -> Any:
    """The factors of the losses of two outputs."""
    pair = dict(zip(("predictions", OTHER), case.factors, strict=False))
    return pair if case.outputs == "dict" else list(pair.values())


def make_metrics(case: Any) -> dict[str, list[Any]]:
    """The metrics of a case, by output."""
    own = [TARGETS[case.target].metrics[name](name=name) for name in case.metrics]
    return {"predictions": own} | ({} if case.outputs == "one" else {OTHER: [metrics.MeanAbsoluteError(name="mae")]})


CLASS_WEIGHTS = {0: 0.5, 2: 3.0}
"""Weights of the classes, for cases that have them."""
