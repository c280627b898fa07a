"""Adversarial losses and penalties: formula, shapes and paper in one object each."""

from gantape.losses.adversarial import (
    AdversarialLoss,
    Hinge,
    LeastSquares,
    Minimax,
    NoisyLabels,
    NonSaturating,
    Wasserstein,
)
from gantape.losses.penalties import R1, R2, GradientPenalty, Penalty, squared_gradient_norms
from gantape.losses.terms import Losses

__all__ = [
    "R1",
    "R2",
    "AdversarialLoss",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "Losses",
    "Minimax",
    "NoisyLabels",
    "NonSaturating",
    "Penalty",
    "Wasserstein",
    "squared_gradient_norms",
]
