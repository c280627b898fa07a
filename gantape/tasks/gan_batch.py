"""The real and generated examples of a GAN's updates, and the terms of their losses."""

from collections.abc import Mapping
from typing import Any

import attrs

from gantape.conditioning import Conditioning
from gantape.errors import LossError
from gantape.types import Tensor


@attrs.frozen(eq=False)
class GANBatch:
    """The inputs of both losses of a GAN.

    Args:
        real: Real examples.
        fake: As many generated examples, of the same floating-point type.
        conditioning: The conditioning of both.
    """

    real: Tensor
    fake: Tensor
    conditioning: Conditioning


def add_terms(terms: dict[str, Any], new: Any, owner: Any) -> None:
    """Add the terms that a loss, a condition or a penalty has returned.

    Raises:
        LossError: If they are not named, or a name is taken.
    """
    where = f"{type(owner).__module__}.{type(owner).__qualname__}"
    if not isinstance(new, Mapping):
        raise LossError(
            "the terms of an adversarial loss are named.",
            where=where,
            got=type(new).__name__,
            do='return a dict, such as {"adversarial": value}.',
        )
    taken = [name for name in new if name in terms]
    if taken:
        raise LossError(
            "two terms of one loss have the same name.",
            where=where,
            got=", ".join(map(str, taken)),
            do="give one of them another name; for a penalty, override the property `name` in a subclass.",
        )
    terms |= new
