"""GANs that differ from `DCGAN` in the loss, or by packing: least squares, relativistic average, PacGAN."""

from gantape.losses import AdversarialLoss, LeastSquares, RelativisticAverage
from gantape.tasks import AdversarialTask
from gantape.types import Model
from gantape.zoo.networks import digit_discriminator, digit_generator


class LSGAN(AdversarialTask):
    """Least squares with targets 0, 1 and 1, and batch norm in both networks, which have no hidden dense layer.

    With a hidden layer, both networks need higher learning rates, at which this loss does not train. The paper's are 2e-4 and
    1e-3.

    Args:
        width: Width of both networks, see `DCGAN`.

    References:
        Mao et al. 2017, arXiv 1611.04076.
    """

    latent_size: int = 64
    generator_decay: float = 0.999
    width: int = 16
    learning_rate: float = 5e-4

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width, hidden_units=0)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width, hidden_units=0, norm="batch")

    def build_loss(self) -> AdversarialLoss:
        return LeastSquares()


class RaGAN(AdversarialTask):
    """Relativistic average: each example's score is compared with the mean score of the other kind.

    Batch norm and learning rate are those of `DCGAN`; with the paper's spectral norm, the discriminator soon wins in networks
    as small as these.

    Args:
        width: Width of both networks, see `DCGAN`.

    References:
        Jolicoeur-Martineau 2018, arXiv 1807.00734.
    """

    latent_size: int = 64
    generator_decay: float = 0.999
    width: int = 16
    learning_rate: float = 2e-3

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width, norm="batch")

    def build_loss(self) -> AdversarialLoss:
        return RelativisticAverage()


class PacGAN(AdversarialTask):
    """The discriminator scores packs of examples, in which it can detect a lack of variety.

    Batch norm is the paper's, the learning rate that of `DCGAN`.

    Args:
        pack: Examples in a pack.
        width: Width of both networks, see `DCGAN`.

    References:
        Lin et al. 2018, arXiv 1712.04086.
    """

    latent_size: int = 64
    generator_decay: float = 0.999
    pack: int = 2
    width: int = 16
    learning_rate: float = 2e-3

    def build_generator(self) -> Model:
        return digit_generator(self.latent_size, self.width)

    def build_discriminator(self) -> Model:
        return digit_discriminator(self.width, norm="batch", pack=self.pack)
