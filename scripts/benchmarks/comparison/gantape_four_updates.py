"""CycleGAN with an optimizer for each network, as a task."""

import keras

import gantape as gt
from benchmarks.comparison.networks import make_patch_judge, make_translator


class FourUpdates(gt.Task):
    def build_to_a(self):
        return make_translator()

    def build_to_b(self):
        return make_translator()

    def build_judge_a(self):
        return make_patch_judge()

    def build_judge_b(self):
        return make_patch_judge()

    def build_optimizers(self):
        return tuple(keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(4))

    def build_shared(self):
        return gt.SharedPass((self.to_a, self.to_b, self.judge_a, self.judge_b))

    def updates(self):
        networks = {"to_a": self.to_a, "to_b": self.to_b, "judge_a": self.judge_a, "judge_b": self.judge_b}
        losses = (self.to_a_loss, self.to_b_loss, self.judge_a_loss, self.judge_b_loss)
        return tuple(
            gt.Update(name, loss, (network,), optimizer)
            for (name, network), loss, optimizer in zip(networks.items(), losses, self.optimizers, strict=True)
        )

    def to_a_loss(self, batch, rng):
        a, _ = batch
        score, _, cycle = self.passes(batch)
        fooling = gt.losses.LeastSquares().generator(None, score, rng)
        return gt.Losses({**fooling, "cycle": cycle, "identity": gt.losses.Identity(5.0)(a, self.to_a(a, training=True))})

    def to_b_loss(self, batch, rng):
        _, b = batch
        _, score, cycle = self.passes(batch)
        fooling = gt.losses.LeastSquares().generator(None, score, rng)
        return gt.Losses({**fooling, "cycle": cycle, "identity": gt.losses.Identity(5.0)(b, self.to_b(b, training=True))})

    def judge_a_loss(self, batch, rng):
        score, _, _ = self.passes(batch)
        return gt.Losses(gt.losses.LeastSquares().discriminator(self.judge_a(batch[0], training=True), score, rng))

    def judge_b_loss(self, batch, rng):
        _, score, _ = self.passes(batch)
        return gt.Losses(gt.losses.LeastSquares().discriminator(self.judge_b(batch[1], training=True), score, rng))

    def passes(self, batch):
        """The scores of both translations, and the cycle loss, which several updates use."""
        a, b = batch

        def make():
            fake_a, fake_b = self.to_a(b, training=True), self.to_b(a, training=True)
            cycle = gt.losses.CycleConsistency(10.0)
            cycles = cycle(a, self.to_a(fake_b, training=True)) + cycle(b, self.to_b(fake_a, training=True))
            return self.judge_a(fake_a, training=True), self.judge_b(fake_b, training=True), cycles

        return self.shared(batch, make)
