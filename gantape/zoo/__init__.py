"""Tasks that are ready to train."""

from gantape.zoo.classifiers import ActivityRegularization, DigitClassifier
from gantape.zoo.dcgan import DCGAN, GuideDCGAN

__all__ = ["DCGAN", "ActivityRegularization", "DigitClassifier", "GuideDCGAN"]
