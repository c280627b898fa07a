"""Evaluation of GANs: metrics of generated examples, the judge, health checks. The core does not import it."""

from gantape.evaluation.accuracy import classifier_accuracy_score
from gantape.evaluation.classes import inception_score, label_accuracy
from gantape.evaluation.classifier import JudgeClassifier
from gantape.evaluation.evidence import Evidence, Finding, Rule, Series
from gantape.evaluation.feature_files import load_features
from gantape.evaluation.features import FeatureNetwork
from gantape.evaluation.frechet import frechet_distance
from gantape.evaluation.health import RULES, HealthCheck, diagnose, watch_health
from gantape.evaluation.judge import Embedding, Judge
from gantape.evaluation.kernel import kernel_distance
from gantape.evaluation.learning import learn_features
from gantape.evaluation.manifolds import density_coverage, precision_recall
from gantape.evaluation.measurement import Bootstrap, Measurement
from gantape.evaluation.memorisation import Neighbours, authenticity, latent_diversity, nearest_training, training_distance
from gantape.evaluation.modes import Assigned, assign_modes, high_quality_fraction, mode_coverage
from gantape.evaluation.monitor import SampleQuality
from gantape.evaluation.outcome import Outcome, judge_images
from gantape.evaluation.outcome_of_task import Translator, judge_outcome
from gantape.evaluation.pictures import picture_neighbours, plot_classes
from gantape.evaluation.resemblance import ResemblanceFigures
from gantape.evaluation.rules import (
    DiscriminatorHasWon,
    Diverging,
    ForgottenTraining,
    ModeCollapse,
    Oscillating,
    SamplesStayFar,
    VanishingGradient,
    WrongRange,
)
from gantape.evaluation.samples import drawn_labels, make_samples, real_examples
from gantape.evaluation.scorecard import score_features, score_samples
from gantape.evaluation.training import train_judge
from gantape.evaluation.transformations import TransformationClassifier
from gantape.evaluation.vital_signs import auroc, frozen_statistics

__all__ = [
    "RULES",
    "Assigned",
    "Bootstrap",
    "DiscriminatorHasWon",
    "Diverging",
    "Embedding",
    "Evidence",
    "FeatureNetwork",
    "Finding",
    "ForgottenTraining",
    "HealthCheck",
    "Judge",
    "JudgeClassifier",
    "Measurement",
    "ModeCollapse",
    "Neighbours",
    "Oscillating",
    "Outcome",
    "ResemblanceFigures",
    "Rule",
    "SampleQuality",
    "SamplesStayFar",
    "Series",
    "TransformationClassifier",
    "Translator",
    "VanishingGradient",
    "WrongRange",
    "assign_modes",
    "auroc",
    "authenticity",
    "classifier_accuracy_score",
    "density_coverage",
    "diagnose",
    "drawn_labels",
    "frechet_distance",
    "frozen_statistics",
    "high_quality_fraction",
    "inception_score",
    "judge_images",
    "judge_outcome",
    "kernel_distance",
    "label_accuracy",
    "latent_diversity",
    "learn_features",
    "load_features",
    "make_samples",
    "mode_coverage",
    "nearest_training",
    "picture_neighbours",
    "plot_classes",
    "precision_recall",
    "real_examples",
    "score_features",
    "score_samples",
    "train_judge",
    "training_distance",
    "watch_health",
]
