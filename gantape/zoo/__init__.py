"""Ready-made tasks: well-known GANs, and examples of other tasks."""

from gantape.zoo.autoencoder import VariationalAutoencoder
from gantape.zoo.classifiers import ActivityRegularization, DigitClassifier
from gantape.zoo.conditional import ACGAN, CGAN, InfoGAN, ProjectionGAN
from gantape.zoo.contrastive import SimCLR
from gantape.zoo.dcgan import DCGAN, GuideDCGAN
from gantape.zoo.dcgan_variants import LSGAN, PacGAN, RaGAN
from gantape.zoo.diffusion import Diffusion
from gantape.zoo.distillation import Distillation
from gantape.zoo.fastgan import FastGAN
from gantape.zoo.images import ImageGAN
from gantape.zoo.pool import ImagePool
from gantape.zoo.progressive import ProgressiveGAN
from gantape.zoo.regularised import DRAGAN, R3GAN, SNGAN
from gantape.zoo.residual import ResNetGAN
from gantape.zoo.style import StyleGAN2
from gantape.zoo.translation import CycleGAN, Pix2Pix
from gantape.zoo.wasserstein import WGAN, WGANGP

__all__ = [
    "ACGAN",
    "CGAN",
    "DCGAN",
    "DRAGAN",
    "LSGAN",
    "R3GAN",
    "SNGAN",
    "WGAN",
    "WGANGP",
    "ActivityRegularization",
    "CycleGAN",
    "Diffusion",
    "DigitClassifier",
    "Distillation",
    "FastGAN",
    "GuideDCGAN",
    "ImageGAN",
    "ImagePool",
    "InfoGAN",
    "PacGAN",
    "Pix2Pix",
    "ProgressiveGAN",
    "ProjectionGAN",
    "RaGAN",
    "ResNetGAN",
    "SimCLR",
    "StyleGAN2",
    "VariationalAutoencoder",
]
