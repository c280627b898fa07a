"""Losses that keep a translation between two image domains faithful. A task adds these terms to its `AdversarialLoss`."""

import attrs
import tensorflow as tf

from gantape.losses.checks import WEIGHT, check_same_shape, mean
from gantape.shapes import Images, Scalar
from gantape.steps.losses import upcast
from gantape.types import Tensor


@attrs.frozen
class CycleConsistency:
    """Translating there and back returns the image: λ · mean |cycled - real|, where `cycled` is F(G(real)).

    Args:
        weight: λ.

    References:
        Zhu et al. 2017, arXiv 1703.10593, equation 2, and λ in equation 3.
    """

    weight: float = attrs.field(default=10.0, validator=WEIGHT)

    def __call__(self, real: Images, cycled: Images) -> Scalar:
        """The term of one direction, from images `batch height width channels` and the same after both translations.

        Raises:
            ShapeError: If the two differ in shape.
        """
        return self.weight * _distance(("real images", "cycled ones"), real, cycled, "gantape.losses.CycleConsistency")


@attrs.frozen
class Identity:
    """An image of the target domain is not changed: λ · mean |mapped - real|, where `mapped` is G(real).

    It preserves colours.

    Args:
        weight: λ; in the paper, half the weight of the cycle consistency.

    References:
        Zhu et al. 2017, arXiv 1703.10593, section 5.2, "Photo generation from paintings".
    """

    weight: float = attrs.field(default=5.0, validator=WEIGHT)

    def __call__(self, real: Images, mapped: Images) -> Scalar:
        """The term of one translator, from images of its target domain, `batch height width channels`, and their translations.

        Raises:
            ShapeError: If the two differ in shape.
        """
        return self.weight * _distance(("real images", "mapped ones"), real, mapped, "gantape.losses.Identity")


def _distance(names: tuple[str, str], one: Tensor, other: Tensor, where: str) -> Scalar:
    check_same_shape(names, one, other, where)
    return mean(tf.abs(upcast(other) - upcast(one)))
