"""Contrastive pre-training without labels: two views of an image are similar, views of different images are not."""

import keras
import tensorflow as tf

from gantape.augment import Augmentation, Brightness, Contrast, Cutout, Translation, augmented
from gantape.losses import upcast
from gantape.random.rng import RandomStreams
from gantape.steps.losses import Losses
from gantape.steps.step import Update
from gantape.tasks import Part, Task
from gantape.types import Batch, Model, Optimizer

layers = keras.layers


class SimCLR(Task):
    """An encoder trained to match the two augmented views of each image among the views of the whole batch.

    For 2n unit vectors z, of which i and j(i) are views of one image, the loss is the mean over i of
    -ln(exp(zᵢ·zⱼ/τ) / Σ over k ≠ i of exp(zᵢ·zₖ/τ)). A batch is images with pixels from 0 to 1.

    Args:
        features: Size of the encoder's output.
        projected: Size of the vectors that the loss compares.
        temperature: τ.
        learning_rate: Learning rate of Adam.

    References:
        Chen et al. 2020, arXiv 2002.05709, equation 1.
    """

    features: int = 64
    projected: int = 32
    temperature: float = 0.5
    learning_rate: float = 1e-3

    encoder = Part[Model]()
    projector = Part[Model]()
    optimizer = Part[Optimizer]()
    augmentations = Part[tuple[Augmentation, ...]]()

    def build_encoder(self) -> Model:
        convolutions = [layers.Conv2D(width, 3, strides=2, padding="same", activation="relu") for width in (16, 32)]
        head = [layers.Flatten(), layers.Dense(self.features, "relu")]
        return keras.Sequential([keras.Input((28, 28, 1)), *convolutions, *head], name="encoder")

    def build_projector(self) -> Model:
        return keras.Sequential([keras.Input((self.features,)), layers.Dense(self.projected)], name="projector")

    def build_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(self.learning_rate)

    def build_augmentations(self) -> tuple[Augmentation, ...]:
        return (Translation(0.15), Cutout(0.3), Brightness(0.4), Contrast(0.8))

    def updates(self) -> tuple[Update, ...]:
        return (Update("encoder", self.evaluate, (self.encoder, self.projector), self.optimizer),)

    def evaluate(self, batch: Batch, rng: RandomStreams) -> Losses:
        views = [augmented(batch, self.augmentations, rng.stream(name)) for name in ("one", "other")]
        points = tf.math.l2_normalize(upcast(self.projector(self.encoder(tf.concat(views, axis=0)))), axis=1)
        count = tf.shape(points)[0]
        # No point is compared with itself.
        similarity = tf.matmul(points, points, transpose_b=True) / self.temperature - 1e9 * tf.eye(count)
        partner = (tf.range(count) + count // 2) % count
        return Losses({"contrast": tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(partner, similarity))})
