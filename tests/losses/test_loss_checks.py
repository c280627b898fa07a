"""Every number of a loss is checked, and a modifier refuses a loss that it cannot change."""

import math
from typing import Any

import attrs
import pytest

import gantape as gt
from gantape import losses
from gantape.losses.checks import Number


@pytest.mark.parametrize(
    ("modifier", "loss"),
    [
        *[(losses.OneSidedSmoothing, loss) for loss in (losses.LeastSquares(), losses.Hinge(), losses.NoisyLabels())],
        (losses.LabelNoise, losses.RelativisticPairing()),
        (losses.OneSidedSmoothing, losses.TopK(losses.NonSaturating())),
        (losses.TopK, losses.RelativisticAverage()),
        (losses.TopK, losses.TopK(losses.NonSaturating())),
        (losses.TopK, losses.Minimax),
    ],
)
def test_a_modifier_refuses_a_loss_that_it_cannot_change(modifier: Any, loss: Any) -> None:
    with pytest.raises(gt.errors.HyperparameterError) as caught:
        modifier(loss)
    assert caught.value.where == f"{modifier.__name__}, field `loss`"
    assert caught.value.got == repr(loss)


LOSSES = [found for name in losses.__all__ if isinstance(found := getattr(losses, name), type) and attrs.has(found)]
NUMBERS = [(kind, field) for kind in LOSSES for field in attrs.fields(kind) if field.type in (float, int)]


def test_there_are_numbers_to_check() -> None:
    assert len(NUMBERS) > 15


@pytest.mark.parametrize(("kind", "field"), NUMBERS, ids=lambda value: getattr(value, "__name__", None) or value.name)
def test_every_number_of_a_loss_or_penalty_is_checked(kind: Any, field: Any) -> None:
    """Not a number is refused everywhere; what else is says the field's validator, which knows every field that there is."""
    wrapped = {"loss": losses.NonSaturating(), "penalty": losses.R1(), "augment": lambda images, rng: images}
    others = {other.name: wrapped[other.name] for other in attrs.fields(kind) if other.name in wrapped}
    assert isinstance(field.validator, Number)
    low = [field.validator.low - 1.0] if math.isfinite(field.validator.low) else []
    high = [field.validator.high] if field.validator.below else []
    for value in (math.nan, math.inf, "1.0", True, None, *low, *high):
        with pytest.raises(gt.errors.HyperparameterError) as caught:
            kind(**others, **{field.name: value})
        assert caught.value.where == f"{kind.__name__}, field `{field.name}`"
        assert caught.value.got == repr(value)
    allowed = 0 if field.validator.below else 1
    assert getattr(kind(**others, **{field.name: allowed}), field.name) == allowed
