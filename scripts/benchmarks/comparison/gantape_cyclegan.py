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

    def updates(self):
        return (
            gt.Update("translators", self.translators_loss, self.translators, self.translators_optimizer),
            gt.Update("judges", self.judges_loss, self.judges, self.judges_optimizer),
        )

    def translators_loss(self, batch, rng):
        game, cycle, identity = gt.losses.LeastSquares(), gt.losses.CycleConsistency(10.0), gt.losses.Identity(5.0)
        terms = {}
        for name, there, back, judge, source, target in self.directions(batch):
            made = there(source, training=True)
            terms[f"adversarial_{name}"] = game.generator(None, judge(made, training=True), rng)["adversarial"]
            terms[f"cycle_{name}"] = cycle(source, back(made, training=True))
            terms[f"identity_{name}"] = identity(target, there(target, training=True))
        return gt.Losses(terms)

    def judges_loss(self, batch, rng):
        terms = {}
        for name, there, _, judge, source, target in self.directions(batch):
            made = judge(there(source, training=True), training=True)
            terms[name] = sum(gt.losses.LeastSquares().discriminator(judge(target, training=True), made, rng).values())
        return gt.Losses(terms)

    def directions(self, batch):
        (to_b, to_a), (judge_a, judge_b), (a, b) = self.translators, self.judges, batch
        return ("b", to_b, to_a, judge_b, a, b), ("a", to_a, to_b, judge_a, b, a)
