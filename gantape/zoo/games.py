"""Recipes that differ from the light DCGAN in the game that is played: least squares, relativistic average, packing."""

from gantape.losses import AdversarialLoss, LeastSquares, RelativisticAverage
from gantape.tasks import AdversarialTask
from gantape.types import Model
from gantape.zoo.networks import digit_discriminator, digit_generator


class LSGAN(AdversarialTask):
    """Least squares with targets 0, 1 and 1, and batch norm in both networks, which have no hidden dense layer.

    With one, both networks need larger learning rates, at which this game does not learn. The paper's are 2e-4 and 1e-3.

    Args:
        width: Of both networks, see `DCGAN`.

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
    """Relativistic average: the discriminator says how much more real an example is than the mean of the other kind.

    Batch norm and learning rates are the light DCGAN's; with the paper's spectral norm the discriminator soon wins on networks
    as small as these.

    Args:
        width: Of both networks, see `DCGAN`.

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
    """The discriminator scores packs of examples, and so sees a lack of variety in them.

    Batch norm is the paper's, learning rates are the light DCGAN's.

    Args:
        pack: Examples in a pack.
        width: Of both networks, see `DCGAN`.

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
