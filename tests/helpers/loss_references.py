"""Losses in NumPy, float64, written down from the papers. `r` and `g` are scores of real and of generated examples.

Each function returns the values of which the loss is the mean, of each term.
"""

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

from gantape import losses

Array = np.ndarray[Any, Any]
Values = dict[str, Array]
Draw = Callable[[str, tuple[int, ...]], Array]
"""Uniform numbers of a name and a shape, those that the loss under test draws."""


@attrs.frozen
class LossReference:
    """A loss, and what the discriminator and the generator minimise, in NumPy."""

    loss: losses.AdversarialLoss
    discriminator: Callable[[Array, Array, Draw], Values]
    generator: Callable[[Array, Array], Values]


def sigmoid(x: Any) -> Any:
    return np.where(x < 0, np.exp(np.minimum(x, 0)), 1.0) / (1.0 + np.exp(-np.abs(x)))


def minus_log_sigmoid(x: Any) -> Any:
    """-ln σ(x), what an example of score x costs if it is to be called real."""
    return np.logaddexp(0.0, -x)


def cross_entropy(target: Any, x: Any) -> Any:
    """-t ln σ(x) - (1-t) ln(1 - σ(x)), where 1 - σ(x) = σ(-x)."""
    return target * minus_log_sigmoid(x) + (1.0 - target) * minus_log_sigmoid(-x)


def noisy_labels(width: float) -> Callable[[Array, Array, Draw], Values]:
    def values(r: Array, g: Array, draw: Draw) -> Values:
        scores = np.concatenate([g, r])
        labels = np.concatenate([np.ones_like(g), np.zeros_like(r)])
        return {"cross_entropy": cross_entropy(labels + width * draw("labels", labels.shape), scores)}

    return values


def label_noise(width: float, real_target: float = 1.0) -> Callable[[Array, Array, Draw], Values]:
    def values(r: Array, g: Array, draw: Draw) -> Values:
        return {
            "real": cross_entropy(real_target * (1.0 - width * draw("real_labels", r.shape)), r),
            "fake": cross_entropy(width * draw("fake_labels", g.shape), g),
        }

    return values


def classical(r: Array, g: Array, draw: Draw) -> Values:
    return {"real": minus_log_sigmoid(r), "fake": minus_log_sigmoid(-g)}


def hinge(r: Array, g: Array, draw: Draw) -> Values:
    return {"real": np.where(r < 1.0, 1.0 - r, 0.0), "fake": np.where(g > -1.0, 1.0 + g, 0.0)}


def highest(values: Array, k: int) -> Array:
    return np.sort(values, axis=None)[::-1][:k]


def _swapped(of_pair: Callable[[Array, Array, Draw], Values]) -> Callable[[Array, Array], Values]:
    """What a relativistic generator minimises: the loss of the discriminator, with real and generated scores exchanged."""

    def values(r: Array, g: Array) -> Values:
        found = of_pair(g, r, lambda name, shape: np.zeros(shape))
        return {"real": found["fake"], "fake": found["real"]} if len(found) == 2 else found

    return values


def pairing(r: Array, g: Array, draw: Draw) -> Values:
    return {"pairing": minus_log_sigmoid(r - g)}


def average(r: Array, g: Array, draw: Draw) -> Values:
    return classical(r - g.mean(), g - r.mean(), draw)


def average_hinge(r: Array, g: Array, draw: Draw) -> Values:
    return hinge(r - g.mean(), g - r.mean(), draw)


REFERENCES: dict[str, LossReference] = {
    "minimax": LossReference(losses.Minimax(), classical, lambda r, g: {"adversarial": -minus_log_sigmoid(-g)}),
    "non-saturating": LossReference(losses.NonSaturating(), classical, lambda r, g: {"adversarial": minus_log_sigmoid(g)}),
    "least squares": LossReference(
        losses.LeastSquares(),
        lambda r, g, draw: {"real": (r - 1.0) ** 2 / 2.0, "fake": g**2 / 2.0},
        lambda r, g: {"adversarial": (g - 1.0) ** 2 / 2.0},
    ),
    "Pearson": LossReference(
        losses.LeastSquares.pearson(),
        lambda r, g, draw: {"real": (r - 1.0) ** 2 / 2.0, "fake": (g + 1.0) ** 2 / 2.0},
        lambda r, g: {"adversarial": g**2 / 2.0},
    ),
    "Wasserstein": LossReference(
        losses.Wasserstein(), lambda r, g, draw: {"real": -r, "fake": g}, lambda r, g: {"adversarial": -g}
    ),
    "hinge": LossReference(losses.Hinge(), hinge, lambda r, g: {"adversarial": -g}),
    "noisy labels": LossReference(
        losses.NoisyLabels(), noisy_labels(0.05), lambda r, g: {"adversarial": cross_entropy(0.0, g)}
    ),
    "clean labels": LossReference(
        losses.NoisyLabels(0.0), noisy_labels(0.0), lambda r, g: {"adversarial": cross_entropy(0.0, g)}
    ),
    "pairing": LossReference(losses.RelativisticPairing(), pairing, _swapped(pairing)),
    "average": LossReference(losses.RelativisticAverage(), average, _swapped(average)),
    "average hinge": LossReference(losses.RelativisticAverageHinge(), average_hinge, _swapped(average_hinge)),
    "smoothing": LossReference(
        losses.OneSidedSmoothing(losses.NonSaturating()),
        lambda r, g, draw: {"real": cross_entropy(0.9, r), "fake": cross_entropy(0.0, g)},
        lambda r, g: {"adversarial": minus_log_sigmoid(g)},
    ),
    "label noise": LossReference(
        losses.LabelNoise(losses.Minimax(), 0.2), label_noise(0.2), lambda r, g: {"adversarial": -minus_log_sigmoid(-g)}
    ),
    "smoothing of label noise": LossReference(
        losses.OneSidedSmoothing(losses.LabelNoise(losses.NonSaturating()), 0.8),
        label_noise(0.05, 0.8),
        lambda r, g: {"adversarial": minus_log_sigmoid(g)},
    ),
    "top half": LossReference(
        losses.TopK(losses.NonSaturating(), decay=0.0),
        classical,
        lambda r, g: {"adversarial": minus_log_sigmoid(highest(g, max(1, round(g.size / 2))))},
    ),
}
