"""Conditional GANs: on a class label, or on codes whose meaning the generator learns."""

from gantape.conditioning import ClassLabels, Codes, Condition
from gantape.losses import AdversarialLoss, AuxiliaryClassifier, Hinge, MutualInformation
from gantape.tasks import AdversarialTask
from gantape.types import Model
from gantape.zoo.networks import conditional_discriminator, digit_discriminator, digit_generator


class CGAN(AdversarialTask):
    """Class-conditional GAN by embedding: the discriminator sees the label as an additional channel.

    The learning rate is that of `DCGAN`.

    Args:
        classes: Number of classes.
        width: Width of both networks, see `DCGAN`.

    References:
        Mirza and Osindero 2014, arXiv 1411.1784.
    """

    latent_size: int = 64
    generator_decay: float = 0.999
    classes: int = 10
    width: int = 16
    learning_rate: float = 2e-3

    def build_condition(self) -> Condition:
        return ClassLabels(self.classes)

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width, classes=self.classes)

    def build_discriminator(self) -> Model:
        return conditional_discriminator(self.width, self.classes, projection=False)


class ProjectionGAN(AdversarialTask):
    """Class-conditional GAN by projection, with hinge loss and spectral norm.

    The networks have no hidden dense layer: with one, as in `SNGAN`, the generator collapses, to nearly one image for each
    class. The learning rates have the ratio of the papers' 1e-4 and 4e-4, and are high enough to train in minutes.

    Args:
        classes: Number of classes.
        width: Width of both networks, see `DCGAN`.

    References:
        Miyato and Koyama 2018, arXiv 1802.05637.
    """

    latent_size: int = 64
    generator_decay: float = 0.999
    classes: int = 10
    width: int = 16
    generator_learning_rate: float = 5e-4
    discriminator_learning_rate: float = 2e-3
    beta_1: float = 0.0
    beta_2: float = 0.9

    def build_condition(self) -> Condition:
        return ClassLabels(self.classes)

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width, hidden_units=0, classes=self.classes)

    def build_discriminator(self) -> Model:
        return conditional_discriminator(self.width, self.classes, projection=True)

    def build_loss(self) -> AdversarialLoss:
        return Hinge()


class ACGAN(AdversarialTask):
    """Class-conditional GAN with an auxiliary classifier: the discriminator predicts the class instead of receiving it.

    The learning rate is that of `DCGAN`; the paper's is 2e-4.

    Args:
        classes: Number of classes.
        class_weight: Weight of the classifier's terms.
        width: Width of both networks, see `DCGAN`.

    References:
        Odena et al. 2017, arXiv 1610.09585.
    """

    latent_size: int = 64
    generator_decay: float = 0.999
    classes: int = 10
    class_weight: float = 1.0
    width: int = 16
    learning_rate: float = 2e-3

    def build_condition(self) -> Condition:
        return ClassLabels(self.classes, AuxiliaryClassifier(self.class_weight))

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width, classes=self.classes)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width, norm="batch", auxiliary=(self.classes,))


class InfoGAN(AdversarialTask):
    """A GAN with one categorical and several continuous codes that can be predicted from the samples; it needs no labels.

    The learning rates are that of `DCGAN`; the paper's are 1e-3 and 2e-4.

    Args:
        categories: Number of values of the categorical code.
        continuous: Number of continuous codes.
        width: Width of both networks, see `DCGAN`.

    References:
        Chen et al. 2016, arXiv 1606.03657, appendix C.1 (MNIST).
    """

    latent_size: int = 62
    generator_decay: float = 0.999
    categories: int = 10
    continuous: int = 2
    width: int = 16
    generator_learning_rate: float = 2e-3
    discriminator_learning_rate: float = 2e-3

    def build_condition(self) -> Condition:
        return Codes(self.categories, self.continuous, MutualInformation())

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size + self.categories + self.continuous, self.width)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width, norm="batch", auxiliary=(self.categories, self.continuous))
