"""WGAN-GP as a task."""

import keras

import gantape as gt
from benchmarks.comparison.networks import make_discriminator, make_generator


class WGANGP(gt.AdversarialTask):
    latent_size: int = 64
    discriminator_updates: int = 5

    def build_generator(self):
        return make_generator(self.latent_size)

    def build_discriminator(self):
        return make_discriminator()

    def build_generator_optimizer(self):
        return keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9)

    def build_discriminator_optimizer(self):
        return keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9)

    def build_loss(self):
        return gt.losses.Wasserstein()

    def build_penalties(self):
        return (gt.losses.GradientPenalty(weight=10.0),)
