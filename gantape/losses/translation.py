"""What keeps a translation between two kinds of images faithful. A task adds these terms to its `AdversarialLoss`."""

import attrs
import tensorflow as tf

from gantape.losses.checks import WEIGHT, check_same_shape, mean
from gantape.shapes import Images, Scalar
from gantape.steps.losses import upcast
from gantape.types import Tensor


@attrs.frozen
class CycleConsistency:
    """There and back again: λ · mean |cycled - real|, where `cycled` is F(G(real)).

    Args:
        weight: λ.

    References:
        Zhu et al. 2017, arXiv 1703.10593, equation 2, and λ in equation 3.
    """

    weight: float = attrs.field(default=10.0, validator=WEIGHT)

    def __call__(self, real: Images, cycled: Images) -> Scalar:
        """The term of one direction, from images `batch height width channels` and the same after both translations.

        Raises:
            ShapeError: If the two do not have one shape.
        """
        return self.weight * _distance(("real images", "cycled ones"), real, cycled, "gantape.losses.CycleConsistency")


@attrs.frozen
class Identity:
    """What is of the right kind already is left alone: λ · mean |mapped - real|, where `mapped` is G(real).

    It keeps colours as they are.

    Args:
        weight: λ; the paper has half of the weight of the cycle's.

    References:
        Zhu et al. 2017, arXiv 1703.10593, section 5.2, "Photo generation from paintings".
    """

    weight: float = attrs.field(default=5.0, validator=WEIGHT)

    def __call__(self, real: Images, mapped: Images) -> Scalar:
        """The term of one translator, from images `batch height width channels` of its target's kind and what it makes of them.

        Raises:
            ShapeError: If the two do not have one shape.
        """
        return self.weight * _distance(("real images", "mapped ones"), real, mapped, "gantape.losses.Identity")


def _distance(names: tuple[str, str], one: Tensor, other: Tensor, where: str) -> Scalar:
    check_same_shape(names, one, other, where)
    return mean(tf.abs(upcast(other) - upcast(one)))
