"""In what gantape and Keras differ on purpose, or cannot be compared: one table, with reasons."""

from collections.abc import Callable
from typing import Any

import attrs

WITH_STATE = {
    "alpha dropout",
    "batch norm",
    "block",
    "counter",
    "dropout",
    "flips",
    "frozen block",
    "gaussian dropout",
    "lstm with dropout",
    "noise",
    "spatial dropout",
    "spectral norm",
}
"""Layers that change variables in a training pass."""

LINEAR_WITH_BIAS = {
    "bounded",
    "convolution",
    "depthwise",
    "each step",
    "l1 of all",
    "l2",
    "positive",
    "separable",
    "spectral norm",
    "transposed",
}
"""Layers whose bias a batch norm behind them subtracts again."""

SCALE_FREE = {"Adafactor", "Lion"}
"""Optimizers that move a variable by as much for a gradient of 1e-17 as for one of 1."""

PROPORTIONAL = {"SGD", "Adagrad", "Ftrl"}
"""Optimizers that hardly move a variable whose gradient is a rounding error."""


@attrs.frozen
class Exclusion:
    """Cases that are not compared.

    Args:
        what: Which cases.
        keras: What Keras does.
        gantape: What gantape does.
        holds: Whether a case is one of them.
    """

    what: str
    keras: str
    gantape: str
    holds: Callable[[Any], bool] = lambda case: False


def _accumulates(case: Any) -> bool:
    return case.accumulate > 1


def _has(case: Any, *options: str) -> bool:
    return any(name in options for name, _ in case.options)


def _bias_without_effect(case: Any) -> bool:
    """Whether a batch norm, that of a block included, comes after a bias that it subtracts."""
    norms = [place for place, name in enumerate(case.layers) if name == "batch norm"]
    return "block" in case.layers or any(LINEAR_WITH_BIAS & set(case.layers[:place]) for place in norms)


def _from_probabilities(case: Any) -> bool:
    """Whether the loss is a cross-entropy of the outputs of a softmax or a sigmoid."""
    return case.loss == "probabilities" or (case.target, case.loss) == ("binary", "focal")


EXCLUSIONS = (
    Exclusion(
        "the partial last batch of an epoch in training",
        "trains on it",
        "leaves it out, so that every step has the same shapes; both evaluate on it",
    ),
    Exclusion(
        "a subclass of `keras.Model` whose `call` has no argument `training`",
        "`fit` does not say that it trains: dropout is off, and batch norm uses its moving statistics",
        "calls the model with `training=True`, which reaches the layers inside",
    ),
    Exclusion(
        "embeddings, with an optimizer that is not linear in the gradient, or clipping",
        "**wrong**: squares the gradients of a word's repetitions one by one, instead of their sum",
        "sums the gradient of each word first; the comparison makes the optimizer of Keras do so, too",
    ),
    Exclusion(
        "the gradient of a word that is repeated in a batch, in `mixed_float16`",
        "**wrong**: overlooks an overflow in one repetition if another one is finite, and moves the word to NaN",
        "sums the gradient of each word first, and skips the update; the comparison makes Keras do so, too",
    ),
    Exclusion(
        "`ScheduleFreeAdamW` in a compiled `fit`",
        "**wrong**: its average starts from zeros, not from the weights, as the optimizer is built while the step is traced",
        "builds every optimizer before the first step; the comparison builds that of Keras, too",
    ),
    Exclusion(
        "the loss of each of several outputs, in a compiled `evaluate` with a partial last batch",
        "**wrong**: the partial batch counts as much as a whole one, unlike in the total loss and in eager mode",
        "each example counts once, in every mode",
        lambda case: case.mode != "eager" and case.outputs != "one" and case.validation % case.batch_size > 0,
    ),
    Exclusion(
        "`GradientOptions(accumulate=)` with a schedule of the learning rate",
        "the schedule of an optimizer with `gradient_accumulation_steps` counts batches",
        "the schedule counts updates",
        lambda case: _accumulates(case) and case.schedule != "constant",
    ),
    Exclusion(
        "`GradientOptions(accumulate=)` with constraints, or an optimizer's `use_ema`",
        "both are applied after each batch, also after those that move no weights",
        "both are applied after each update",
        lambda case: (
            _accumulates(case)
            and (_has(case, "use_ema", "ema_overwrite_frequency") or bool({"positive", "bounded"} & set(case.layers)))
        ),
    ),
    Exclusion(
        "an optimizer's own `gradient_accumulation_steps` under `GradientOptions(accumulate=)` or `clip_norm`",
        "has one way of accumulating, and clips the mean",
        "hands the optimizer what it has accumulated and clipped itself",
        lambda case: _has(case, "gradient_accumulation_steps") and (_accumulates(case) or case.clip > 0),
    ),
    Exclusion(
        "logged values of an epoch in `mixed_float16` in which an update was skipped",
        "the mean has the losses of all steps",
        "the mean has the losses of the steps that moved weights; `skipped` says how many did not",
    ),
    Exclusion(
        "layers with a state, such as dropout and batch norm, in `mixed_float16`",
        "keeps what a skipped update has done to the state",
        "a skipped update leaves every variable as it was",
        lambda case: case.policy == "mixed_float16" and bool(WITH_STATE & set(case.layers)),
    ),
    Exclusion(
        "metrics in 16 bits",
        "metrics see predictions in 16 bits",
        "losses and metrics see predictions in float32; the comparison allows for the rounding",
    ),
    Exclusion(
        "cross-entropies of probabilities in 16 bits",
        "**wrong**: the cast to float32 loses the logits that the softmax or the sigmoid noted, so that the loss is computed "
        "from rounded probabilities, and its gradient overflows in float16 where a probability is small",
        "the cast keeps the logits, from which the loss is computed, as both do in float32",
        lambda case: case.policy.startswith("mixed") and _from_probabilities(case),
    ),
    Exclusion(
        "losses that layers add, in 16 bits",
        "raises an error: it cannot add losses of two dtypes",
        "adds them in float32",
        lambda case: (
            case.policy.startswith("mixed")
            and (
                case.inputs in ("list", "dict")
                or bool({"activity", "activity of nothing", "adds loss", "twice"} & set(case.layers))
            )
        ),
    ),
    Exclusion(
        "spectral normalisation in 16 bits",
        "raises an error",
        "uses the layer of Keras, with the same error",
        lambda case: case.policy.startswith("mixed") and "spectral norm" in case.layers,
    ),
    Exclusion(
        "`SparseTopKCategoricalAccuracy` in float64 or 16 bits",
        "raises an error",
        "uses the metric of Keras: the same error in float64; it works in 16 bits",
        lambda case: case.policy != "float32" and "top" in case.metrics,
    ),
    Exclusion(
        "`Muon` in float64",
        "raises an error",
        "uses the optimizer of Keras, with the same error",
        lambda case: case.policy == "float64" and case.optimizer == "Muon",
    ),
    Exclusion(
        "variables that become NaN or infinite",
        "`fit` goes on with them",
        "an error, and the newest checkpoint is finite; the comparison demands that those of Keras are not finite either",
    ),
    Exclusion(
        "an L1 penalty of biases that start at zero, in XLA",
        "the sign of a rounding error decides where they go",
        "the same",
        lambda case: case.mode.startswith("xla") and "l1 of all" in case.layers,
    ),
    Exclusion(
        "a bias before batch norm, with an optimizer that divides by the size of the gradient, unless in float64",
        "the gradient of this bias is a rounding error, which decides where it goes",
        "the same",
        lambda case: (
            _bias_without_effect(case)
            and (case.optimizer in SCALE_FREE or (case.policy != "float64" and case.optimizer not in PROPORTIONAL))
        ),
    ),
)
"""Cases that are not compared; those without a condition are never drawn, or are compared in the way that the table says."""


def table_of_exclusions() -> str:
    """The table for the documentation, in Markdown."""
    rows = [f"| {exclusion.what} | {exclusion.keras} | {exclusion.gantape} |" for exclusion in EXCLUSIONS]
    return "\n".join(["| what | Keras 3.15 | gantape |", "|---|---|---|", *rows]) + "\n"
