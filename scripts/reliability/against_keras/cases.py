"""A case: a model, a loss, metrics, an optimizer and batches, as plain data that a failing case can be rebuilt from."""

import contextlib
from collections.abc import Iterator
from typing import Any

import attrs
import keras
from hypothesis import strategies as st

from reliability.against_keras.exclusions import EXCLUSIONS
from reliability.against_keras.layers_of_cases import NAMES
from reliability.against_keras.optimizers_of_cases import OPTIMIZERS, OPTIONS, SCHEDULES
from reliability.against_keras.targets_of_cases import TARGETS

POLICIES = ("float64", "float64", "float64", "float64", "float64", "float32", "mixed_bfloat16", "mixed_float16")
LONG = ("sequence", "tokens", "masked")


@attrs.frozen
class Case:
    """What is trained, and how. The defaults are the simplest.

    Args:
        inputs: The kind of inputs: table, list, dict, image, sequence, tokens or masked.
        layers: Names of the layers between inputs and outputs.
        built: How the model is written: functional, sequential or subclass.
        reduce: How sequences and images become one vector for each example: flatten, pool, or last.
        outputs: One, or two in a list or a dict.
        target: The kind of targets.
        loss: The loss.
        reduction: The loss' reduction.
        metrics: The metrics.
        weighted: Whether examples have weights.
        class_weights: Whether classes have weights.
        weighted_metrics: Whether these weights enter the metrics.
        factors: The factors of the losses of two outputs.
        optimizer: The optimizer.
        options: Options of the optimizer, by name.
        schedule: The schedule of the learning rate.
        accumulate: Batches whose gradients are averaged, by gantape's `GradientOptions` and by the optimizer of Keras.
        clip: gantape's `clip_norm`, and the `global_clipnorm` of the optimizer of Keras.
        policy: The dtype policy.
        mode: The mode of gantape; Keras runs the same way.
        batch_size: The batch size.
        examples: Examples to train on; a partial last batch is left out.
        validation: Examples to evaluate on, the partial last batch included.
        epochs: Passes over the data.
        seed: The seed of weights, data and order.
    """

    inputs: str = "table"
    layers: tuple[str, ...] = ()
    built: str = "functional"
    reduce: str = "flatten"
    outputs: str = "one"
    target: str = "regression"
    loss: str = "mean_squared_error"
    reduction: str = "sum_over_batch_size"
    metrics: tuple[str, ...] = ()
    weighted: bool = False
    class_weights: bool = False
    weighted_metrics: bool = False
    factors: tuple[float, ...] = ()
    optimizer: str = "SGD"
    options: tuple[tuple[str, float], ...] = ()
    schedule: str = "constant"
    accumulate: int = 1
    clip: float = 0.0
    policy: str = "float64"
    mode: str = "eager"
    batch_size: int = 4
    examples: int = 8
    validation: int = 5
    epochs: int = 1
    seed: int = 0


@st.composite
def _any_cases(draw: st.DrawFn, modes: tuple[str, ...]) -> Case:
    inputs = draw(st.sampled_from(list(NAMES)))
    outputs = draw(st.sampled_from(["one", "one", "list", "dict"]))
    by_step = inputs in LONG and outputs == "one"
    target = draw(st.sampled_from([name for name, target in TARGETS.items() if by_step or not target.steps]))
    weighted = not TARGETS[target].steps and draw(st.sampled_from([False, False, True]))
    optimizer = draw(st.sampled_from(list(OPTIMIZERS)))
    clip = draw(st.sampled_from([0.0, 0.0, 0.0, 0.1]))
    possible = {**OPTIMIZERS[optimizer], **OPTIONS}
    options = draw(st.lists(st.sampled_from(sorted(possible)), max_size=2, unique_by=lambda name: "clip" in name or name))
    built = {"one": ["functional", "subclass"], "list": ["functional"], "dict": ["functional", "subclass"]}[outputs]
    reductions = {"image": ["flatten", "pool"], "list": ["flatten"], "dict": ["flatten"], "table": ["flatten"]}
    return Case(
        inputs=inputs,
        layers=tuple(draw(st.lists(st.sampled_from(NAMES[inputs]), max_size=4))),
        built=draw(st.sampled_from(built + ["sequential"] * (outputs == "one" and inputs not in ("list", "dict")))),
        reduce=draw(st.sampled_from(reductions.get(inputs, ["pool", "last"]))),
        outputs=outputs,
        target=target,
        loss=draw(st.sampled_from(list(TARGETS[target].losses))),
        reduction=draw(st.sampled_from(["sum_over_batch_size"] * 3 + ["sum", "mean_with_sample_weight"])),
        metrics=tuple(draw(st.lists(st.sampled_from(list(TARGETS[target].metrics)), max_size=2, unique=True))),
        weighted=weighted,
        class_weights=not weighted and outputs == "one" and target in ("classes", "one hot") and draw(st.booleans()),
        weighted_metrics=draw(st.booleans()),
        factors=() if outputs == "one" else draw(st.sampled_from([(), (0.5, 2.0)])),
        optimizer=optimizer,
        options=tuple((name, possible[name]) for name in options if not (clip and "clip" in name)),
        schedule=draw(st.sampled_from(list(SCHEDULES))),
        accumulate=draw(st.sampled_from([1, 1, 1, 2])),
        clip=clip,
        policy=draw(st.sampled_from(POLICIES)),
        mode=draw(st.sampled_from(modes)),
        batch_size=draw(st.sampled_from([4, 3, 2])),
        examples=draw(st.integers(8, 13)),
        validation=draw(st.integers(1, 6)),
        epochs=draw(st.integers(1, 2)),
        seed=draw(st.integers(0, 99)),
    )


def cases(modes: tuple[str, ...] = ("eager",)) -> st.SearchStrategy[Case]:
    """Cases that gantape and Keras are both to train, in one of these modes."""
    return _any_cases(modes).filter(lambda case: not any(exclusion.holds(case) for exclusion in EXCLUSIONS))


@contextlib.contextmanager
def precision_of(case: Any) -> Iterator[None]:
    """Keras in the precision of a case, and with its seed."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.backend.clear_session(free_memory=False)
    keras.config.set_floatx("float64" if case.policy == "float64" else "float32")
    keras.config.set_dtype_policy(case.policy)
    keras.utils.set_random_seed(case.seed)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
