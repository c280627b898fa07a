"""GANs with a regularised discriminator: by a gradient penalty, or by spectral norm."""

from gantape.losses import R1, R2, AdversarialLoss, DraganPenalty, Hinge, Penalty, RelativisticPairing
from gantape.tasks import AdversarialTask
from gantape.types import Model
from gantape.zoo.networks import digit_discriminator, digit_generator


class DRAGAN(AdversarialTask):
    """The non-saturating loss with a penalty that keeps the norm of the gradient near 1 around real examples.

    The networks have no hidden dense layer: with one, the generator collapsed to one image within a minute.

    Args:
        penalty_weight: λ.
        width: Width of both networks, see `DCGAN`.

    References:
        Kodali et al. 2017, arXiv 1705.07215.
    """

    latent_size: int = 64
    generator_decay: float = 0.999
    penalty_weight: float = 10.0
    width: int = 16
    learning_rate: float = 5e-4

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width, hidden_units=0)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width, hidden_units=0)

    def build_penalties(self) -> tuple[Penalty, ...]:
        return (DraganPenalty(self.penalty_weight),)


class SNGAN(AdversarialTask):
    """Hinge loss and spectral norm, and a discriminator with four times the learning rate of the generator.

    The networks have no hidden dense layer: with one, the generator collapsed to one image within a minute. The papers'
    learning rates are 1e-4 and 4e-4; these train in minutes.

    Args:
        width: Width of both networks, see `DCGAN`.

    References:
        Miyato et al. 2018, arXiv 1802.05957; Heusel et al. 2017, arXiv 1706.08500, and Zhang et al. 2018, arXiv 1805.08318 (the
        two learning rates).
    """

    latent_size: int = 64
    generator_decay: float = 0.999
    width: int = 16
    generator_learning_rate: float = 2e-4
    discriminator_learning_rate: float = 8e-4
    beta_1: float = 0.0
    beta_2: float = 0.9

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width, hidden_units=0)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width, hidden_units=0, norm="spectral")

    def build_loss(self) -> AdversarialLoss:
        return Hinge()


class R3GAN(AdversarialTask):
    """Relativistic pairing with R1 and R2, and no normalisation in either network.

    The networks are small; the paper's are residual. Its γ for small images falls from 1 to 0.1, its learning rate from 2e-4;
    this learning rate trains in minutes.

    Args:
        penalty_weight: γ of both penalties.
        width: Width of both networks, see `DCGAN`.

    References:
        Huang et al. 2024, arXiv 2501.05441.
    """

    latent_size: int = 64
    generator_decay: float = 0.999
    penalty_weight: float = 1.0
    width: int = 16
    learning_rate: float = 1e-3
    beta_1: float = 0.0
    beta_2: float = 0.9

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width, batch_norm=False)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width)

    def build_loss(self) -> AdversarialLoss:
        return RelativisticPairing()

    def build_penalties(self) -> tuple[Penalty, ...]:
        return (R1(self.penalty_weight), R2(self.penalty_weight))
