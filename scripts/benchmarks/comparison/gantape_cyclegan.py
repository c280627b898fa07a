"""CycleGAN as a task."""

import keras

import gantape as gt
from benchmarks.comparison.networks import make_patch_judge, make_translator


class CycleGAN(gt.Task):
    def build_translators(self):
        return make_translator(), make_translator()

    def build_judges(self):
        return make_patch_judge(), make_patch_judge()

    def build_translators_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.5)

    def build_judges_optimizer(self):
        return keras.optimizers.Adam(2e-4, beta_1=0.5)

    def build_fakes(self):
        return gt.SharedPass(self.judges)

    def updates(self):
        return (
            gt.Update("translators", self.translators_loss, self.translators, self.translators_optimizer),
            gt.Update("judges", self.judges_loss, self.judges, self.judges_optimizer),
        )

    def translators_loss(self, batch, rng):
        adversarial, cycle, identity = gt.losses.LeastSquares(), gt.losses.CycleConsistency(10.0), gt.losses.Identity(5.0)
        (to_a, to_b), (a, b) = self.translators, batch
        (fake_a, fake_b), scores = self.scored_fakes(batch)
        return gt.Losses(
            {
                "adversarial": sum(adversarial.generator(None, score, rng)["adversarial"] for score in scores),
                "cycle": cycle(a, to_a(fake_b, training=True)) + cycle(b, to_b(fake_a, training=True)),
                "identity": identity(a, to_a(a, training=True)) + identity(b, to_b(b, training=True)),
            }
        )

    def judges_loss(self, batch, rng):
        terms = {}
        for name, judge, real, score in zip("ab", self.judges, batch, self.scored_fakes(batch)[1], strict=True):
            terms[name] = sum(gt.losses.LeastSquares().discriminator(judge(real, training=True), score, rng).values())
        return gt.Losses(terms)

    def scored_fakes(self, batch):
        """Translations and their scores, which both updates use."""
        (to_a, to_b), (a, b) = self.translators, batch

        def make():
            fakes = to_a(b, training=True), to_b(a, training=True)
            return fakes, tuple(judge(fake, training=True) for judge, fake in zip(self.judges, fakes, strict=True))

        return self.fakes(batch, make)
