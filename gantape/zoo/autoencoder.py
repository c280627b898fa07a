"""A variational autoencoder: two models in one update."""

import keras
import tensorflow as tf

from gantape.losses import upcast
from gantape.random.rng import RandomStreams
from gantape.shapes import Images
from gantape.steps.losses import Losses
from gantape.steps.step import Update
from gantape.tasks import Part, Task
from gantape.types import Batch, Model, Optimizer

layers = keras.layers


class VariationalAutoencoder(Task):
    """An encoder to the mean and the log-variance of a normal latent, and a decoder to the logits of pixels from 0 to 1.

    The loss is the negative of a bound on the likelihood, in nats: reconstruction plus divergence. A batch is images.

    Args:
        latent_size: Size of a latent vector.
        hidden_units: Units of each network's hidden layer.
        learning_rate: Learning rate of Adam.

    References:
        Kingma and Welling 2014, arXiv 1312.6114, equation 10 and appendix C.
    """

    latent_size: int = 16
    hidden_units: int = 256
    learning_rate: float = 1e-3

    encoder = Part[Model]()
    decoder = Part[Model]()
    optimizer = Part[Optimizer]()
    pixels = (0.0, 1.0)

    def build_encoder(self) -> Model:
        hidden = [keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(self.hidden_units, "relu")]
        return keras.Sequential([*hidden, layers.Dense(2 * self.latent_size)], name="encoder")

    def build_decoder(self) -> Model:
        hidden = [keras.Input((self.latent_size,)), layers.Dense(self.hidden_units, "relu"), layers.Dense(28 * 28)]
        return keras.Sequential([*hidden, layers.Reshape((28, 28, 1))], name="decoder")

    def build_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(self.learning_rate)

    def updates(self) -> tuple[Update, ...]:
        return (Update("autoencoder", self.evaluate, (self.encoder, self.decoder), self.optimizer),)

    def evaluate(self, batch: Batch, rng: RandomStreams) -> Losses:
        mean, log_variance = tf.split(upcast(self.encoder(batch)), 2, axis=1)
        latents = mean + tf.exp(0.5 * log_variance) * rng.normal("latent", tf.shape(mean))
        costs = tf.nn.sigmoid_cross_entropy_with_logits(labels=batch, logits=upcast(self.decoder(latents)))
        divergence = 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance, axis=1)
        return Losses(
            {
                "reconstruction": tf.reduce_mean(tf.reduce_sum(costs, axis=[1, 2, 3])),
                "divergence": tf.reduce_mean(divergence),
            }
        )

    def sample_grid(self, count: int, rng: RandomStreams, batch: Batch | None = None) -> Images:
        """Images decoded from latents of the prior."""
        side = max(1, round(count**0.5))
        images = tf.sigmoid(upcast(self.decoder(rng.normal("samples", [side * side, self.latent_size]))))
        return tf.reshape(images, [side, side, 28, 28, 1])
