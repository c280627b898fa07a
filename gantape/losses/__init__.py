"""Adversarial losses, penalties, and what else a GAN minimises: formula, shapes and paper in one object each."""

from gantape.losses.adversarial import (
    AdversarialLoss,
    Hinge,
    LeastSquares,
    Minimax,
    NoisyLabels,
    NonSaturating,
    Wasserstein,
)
from gantape.losses.auxiliary import AuxiliaryClassifier, MutualInformation
from gantape.losses.penalties import R1, R2, GradientPenalty, Penalty, squared_gradient_norms
from gantape.losses.terms import Losses
from gantape.losses.translation import CycleConsistency, Identity

__all__ = [
    "R1",
    "R2",
    "AdversarialLoss",
    "AuxiliaryClassifier",
    "CycleConsistency",
    "GradientPenalty",
    "Hinge",
    "Identity",
    "LeastSquares",
    "Losses",
    "Minimax",
    "MutualInformation",
    "NoisyLabels",
    "NonSaturating",
    "Penalty",
    "Wasserstein",
    "squared_gradient_norms",
]
