"""Auxiliary losses of a GAN: predicting the class of an example, or the codes that it was made from.

A task adds these terms to those of its `AdversarialLoss`.
"""

import math

import attrs
import tensorflow as tf

from gantape.errors import ShapeError
from gantape.losses.checks import WEIGHT, check_labels, check_same_shape, mean
from gantape.shapes import Scalar, describe
from gantape.steps.losses import Terms, upcast
from gantape.types import Tensor

Codes = tuple[Tensor | None, Tensor | None]
"""Categorical and continuous codes, or their predictions; `None` for an absent kind."""


@attrs.frozen
class AuxiliaryClassifier:
    """The discriminator classifies examples: λ · mean -ln softmax(logits)[label].

    Both networks minimise it: the discriminator on real and generated examples, the generator on generated ones.

    Args:
        weight: λ.

    References:
        Odena et al. 2017, arXiv 1610.09585, equation 3.
    """

    weight: float = attrs.field(default=1.0, validator=WEIGHT)

    def __call__(self, labels: Tensor, logits: Tensor) -> Scalar:
        """The term.

        Args:
            labels: Class indices from 0, shape `batch`, integers.
            logits: Shape `batch classes`.

        Raises:
            DtypeError: If the labels are not integers.
            ShapeError: If the logits do not fit them.
        """
        check_labels(labels, logits, "gantape.losses.AuxiliaryClassifier")
        return self.weight * _cross_entropy(labels, logits)


@attrs.frozen
class MutualInformation:
    """The codes can be predicted from the generated examples: a negative lower bound on their mutual information.

    Categorical codes: λ · mean -ln softmax(logits)[code]. Continuous codes: λ' · mean Σ ½(code - predicted)² + ½ ln 2π, the
    negative log-likelihood of a Gaussian with standard deviation 1. As in the authors' code, the deviation is not learnt: the
    likelihood of an exactly predicted code would grow without bound. Both networks minimise the terms.

    The information is at least H(codes) minus the terms at weight 1, in nats.

    Args:
        weight: λ, of categorical codes.
        continuous_weight: λ'.

    References:
        Chen et al. 2016, arXiv 1606.03657, equation 5 and appendix C.
    """

    weight: float = attrs.field(default=1.0, validator=WEIGHT)
    continuous_weight: float = attrs.field(default=0.1, validator=WEIGHT)

    def __call__(self, codes: Codes, predicted: Codes) -> Terms:
        """The terms "categorical_codes" and "continuous_codes", or one of them.

        Args:
            codes: Categorical codes, integers of shape `batch`, or `batch codes` for several; continuous codes, `batch codes`.
            predicted: Logits, with one more axis than the categorical codes; means, of the shape of the continuous codes.

        Raises:
            DtypeError: If categorical codes are not integers.
            ShapeError: If codes and predictions do not fit.
        """
        where = "gantape.losses.MutualInformation"
        (categories, numbers), (logits, means) = codes, predicted
        if (categories is None, numbers is None) != (logits is None, means is None):
            raise ShapeError(
                "codes and predictions are not of the same kinds.",
                where=where,
                got=f"codes {_kinds(codes)}, predictions {_kinds(predicted)}",
                do="pass both as (categorical, continuous), with None in both for an absent kind.",
            )
        terms = {}
        if categories is not None and logits is not None:
            check_labels(categories, logits, where)
            # A mean over the batch, a sum over codes.
            several = 1 if len(categories.shape) == 1 else categories.shape[1]
            terms["categorical_codes"] = self.weight * several * _cross_entropy(categories, logits)
        if numbers is not None and means is not None:
            check_same_shape(("codes", "predicted codes"), numbers, means, where)
            errors = tf.reduce_sum(tf.square(upcast(numbers) - upcast(means)) + math.log(2.0 * math.pi), axis=-1)
            terms["continuous_codes"] = 0.5 * self.continuous_weight * mean(errors)
        return terms


def _kinds(codes: Codes) -> tuple[str, ...]:
    return tuple("None" if code is None else describe(code) for code in codes)


def _cross_entropy(labels: Tensor, logits: Tensor) -> Scalar:
    return mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, upcast(logits)))
