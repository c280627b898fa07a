"""Adversarial losses, penalties and other terms of GANs, each an object with its formula, shapes and paper."""

from gantape.losses.adversarial import (
    AdversarialLoss,
    CrossEntropyLoss,
    Hinge,
    LeastSquares,
    Minimax,
    NoisyLabels,
    NonSaturating,
    SeparableLoss,
    Wasserstein,
)
from gantape.losses.auxiliary import AuxiliaryClassifier, MutualInformation
from gantape.losses.consistency import BalancedConsistency, LatentConsistency
from gantape.losses.lecam import LeCam
from gantape.losses.modifiers import LabelNoise, OneSidedSmoothing, TopK
from gantape.losses.outputs import DiscriminatorOutput, FeatureMatching, OutputTerms
from gantape.losses.path_length import PathLength, path_lengths
from gantape.losses.penalties import (
    R1,
    R2,
    DraganPenalty,
    GradientPenalty,
    Lazy,
    Penalty,
    gradient_norms,
    squared_gradient_norms,
)
from gantape.losses.ramp import Ramp
from gantape.losses.relativistic import RelativisticAverage, RelativisticAverageHinge, RelativisticPairing
from gantape.losses.translation import CycleConsistency, Identity
from gantape.steps.losses import upcast

__all__ = [
    "R1",
    "R2",
    "AdversarialLoss",
    "AuxiliaryClassifier",
    "BalancedConsistency",
    "CrossEntropyLoss",
    "CycleConsistency",
    "DiscriminatorOutput",
    "DraganPenalty",
    "FeatureMatching",
    "GradientPenalty",
    "Hinge",
    "Identity",
    "LabelNoise",
    "LatentConsistency",
    "Lazy",
    "LeCam",
    "LeastSquares",
    "Minimax",
    "MutualInformation",
    "NoisyLabels",
    "NonSaturating",
    "OneSidedSmoothing",
    "OutputTerms",
    "PathLength",
    "Penalty",
    "Ramp",
    "RelativisticAverage",
    "RelativisticAverageHinge",
    "RelativisticPairing",
    "SeparableLoss",
    "TopK",
    "Wasserstein",
    "gradient_norms",
    "path_lengths",
    "squared_gradient_norms",
    "upcast",
]
