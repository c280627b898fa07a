"""Comparisons of a case, and of a gan."""

from collections.abc import Iterator
from typing import Any

import attrs

from gantape.errors import NotFiniteError
from reliability.against_keras.by_hand import train_by_hand
from reliability.against_keras.cases import Case
from reliability.against_keras.exclusions import EXCLUSIONS
from reliability.against_keras.gans import DrawnGAN, train_gan
from reliability.against_keras.outcomes import Difference, Tolerance, TrainingOutcome, differences
from reliability.against_keras.supervised import train_by_gantape, train_by_keras


def compare(case: Case | DrawnGAN, trained: Case | DrawnGAN | None = None) -> list[Difference]:
    """In what gantape's training and evaluation of a case differ from Keras', or a gan's from those of a loop by hand.

    Args:
        case: The case, or the gan.
        trained: What gantape trains instead: with a planted difference, one is to be found.
    """
    tolerance = Tolerance.of(case.policy)
    other = train_by_keras(case) if isinstance(case, Case) else train_by_hand(case)
    if isinstance(case, DrawnGAN) and (case.decay or case.half_life):
        tolerance = attrs.evolve(tolerance, variables=max(tolerance.variables, 1e-7))  # gantape averages by float32 shares
    try:
        outcome = _train(trained or case)
    except NotFiniteError as error:
        return [Difference("finite variables", str(error), "all")] if other.finite else []
    return differences(outcome, other, tolerance)


def _train(case: Case | DrawnGAN) -> TrainingOutcome:
    return train_by_gantape(case) if isinstance(case, Case) else train_gan(case)


def smallest(case: Case | DrawnGAN) -> Case | DrawnGAN:
    """A case that still fails, as near to the defaults as can be had by changing one field at a time."""
    for simpler in _simpler(case):
        if fails(simpler):
            return smallest(simpler)
    return case


def fails(case: Case | DrawnGAN) -> bool:
    """Whether gantape and Keras differ, or gantape raises an error."""
    if isinstance(case, Case) and any(exclusion.holds(case) for exclusion in EXCLUSIONS):
        return False
    try:
        return bool(compare(case))
    except Exception:
        return True


def _simpler(case: Any) -> Iterator[Any]:
    for field in attrs.fields(type(case)):
        value = getattr(case, field.name)
        if isinstance(value, tuple) and field.name != "accumulate":
            for place in range(len(value)):
                yield attrs.evolve(case, **{field.name: value[:place] + value[place + 1 :]})
        elif value != field.default and field.name not in ("inputs", "target", "loss", "examples", "built"):
            yield attrs.evolve(case, **{field.name: field.default})
